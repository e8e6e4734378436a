package udp

import (
	"net"
	"syscall"
)

// ipDontFrag is IP_DONTFRAG of netinet/in.h, from macOS 11 on.
const ipDontFrag = 28

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
	err = raw.Control(func(fd uintptr) { serr = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, ipDontFrag, v) })
	if err != nil {
		return err
	}
	return serr
}
