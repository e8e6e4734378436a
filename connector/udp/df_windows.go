package udp

import (
	"net"
	"syscall"
)

// ipDontFragment is IP_DONTFRAGMENT of ws2ipdef.h.
const ipDontFragment = 14

// setDF sets don't-fragment for the sends that follow.
func setDF(conn *net.UDPConn, df bool) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	v := 0
	if df {
		v = 1
	}
	var serr error
	err = raw.Control(func(fd uintptr) {
		serr = syscall.SetsockoptInt(syscall.Handle(fd), syscall.IPPROTO_IP, ipDontFragment, v)
	})
	if err != nil {
		return err
	}
	return serr
}
