//go:build !windows

package link

import "syscall"

// transientErrno knows what send(2) answers when an interface, a route or a
// neighbour is missing right now, when the device's queue is full, or when it
// reports an ICMP error that came for an earlier packet.
func transientErrno(e syscall.Errno) bool {
	switch e {
	case syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN,
		syscall.ECONNREFUSED, syscall.ENOBUFS, syscall.EADDRNOTAVAIL:
		return true
	}
	return false
}
