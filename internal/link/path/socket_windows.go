package path

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// transientErrno knows what WSASendMsg answers when an interface or a route is
// missing right now, when buffers are full, or when it reports an ICMP error
// (WSAECONNRESET for port unreachable) that came for an earlier packet.
func transientErrno(e syscall.Errno) bool {
	switch e {
	case windows.WSAENETUNREACH, windows.WSAEHOSTUNREACH, windows.WSAENETDOWN, windows.WSAEHOSTDOWN,
		windows.WSAECONNREFUSED, windows.WSAECONNRESET, windows.WSAENETRESET, windows.WSAENOBUFS, windows.WSAEADDRNOTAVAIL:
		return true
	}
	return false
}
