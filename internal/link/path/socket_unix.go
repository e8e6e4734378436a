//go:build !windows

package path

import "syscall"

// transientErrno knows what send(2) answers when an interface, a route or a neighbour is missing
// right now, when the device's queue is full, when it reports an ICMP error that came for an
// earlier packet, when the host's own firewall drops the packet (EPERM), and when the interface's
// MTU has become smaller than the segments of a GSO batch (EINVAL before Linux 6.14, EMSGSIZE
// since, which quic-go knows).
func transientErrno(e syscall.Errno) bool {
	switch e {
	case syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN,
		syscall.ECONNREFUSED, syscall.ENOBUFS, syscall.EADDRNOTAVAIL,
		syscall.EPERM, syscall.EINVAL:
		return true
	}
	return false
}
