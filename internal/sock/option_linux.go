package sock

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Open returns a non-blocking socket that reports TTL, class and errors of what it receives.
func Open(v6 bool, typ, proto int) (int, error) {
	family := unix.AF_INET
	if v6 {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, typ|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		return -1, err
	}
	if err := watch(fd, v6); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// watch asks for the error queue and for TTL and class of all that arrives.
func watch(fd int, v6 bool) error {
	level, opts, length := unix.IPPROTO_IP, [...]int{unix.IP_RECVERR, unix.IP_RECVTTL, unix.IP_RECVTOS}, unix.IP_RECVERR_RFC4884
	if v6 {
		level, opts, length = unix.IPPROTO_IPV6, [...]int{unix.IPV6_RECVERR, unix.IPV6_RECVHOPLIMIT, unix.IPV6_RECVTCLASS}, unix.IPV6_RECVERR_RFC4884
	}
	for _, o := range opts {
		if err := unix.SetsockoptInt(fd, level, o, 1); err != nil {
			return fmt.Errorf("set socket option %d: %w", o, err)
		}
	}
	_ = unix.SetsockoptInt(fd, level, length, 1) // unknown before Linux 5.9: extensions that state their place are not found
	return nil
}

// WatchOptions asks for the IPv4 options of all that arrives.
func WatchOptions(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVOPTS, 1) }

// WatchTime asks for the kernel's time of receipt of all that arrives, errors included.
func WatchTime(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) }

// Unwatch turns the error queue of a stream socket off and empties it. With it, any ICMP error
// about an established connection ends that; RFC 1122 §4.2.3.9 has it ignore all that may pass.
func Unwatch(fd int, v6 bool) error {
	if v6 {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 0)
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVERR, 0)
}

// SetDF sets don't-fragment for what is sent from now on. Set means PROBE,
// never DO: with DO our own kernel answers in the place of the router whose
// link is too narrow. For IPv6, clear means that our kernel fragments as the sender's did.
func SetDF(fd int, v6, df bool) error {
	if v6 {
		mode := unix.IPV6_PMTUDISC_DONT
		if df {
			mode = unix.IPV6_PMTUDISC_PROBE
		}
		return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, mode)
	}
	mode := unix.IP_PMTUDISC_DONT
	if df {
		mode = unix.IP_PMTUDISC_PROBE
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, mode)
}

// SetTTL sets the TTL of a stream socket.
func SetTTL(fd int, v6 bool, ttl uint8) error {
	if v6 {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, int(ttl))
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TTL, int(ttl))
}

// TTL returns the TTL with which a socket sends where nothing else is said: at first the host's own.
func TTL(fd int, v6 bool) (uint8, error) {
	level, option := unix.IPPROTO_IP, unix.IP_TTL
	if v6 {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS
	}
	v, err := unix.GetsockoptInt(fd, level, option)
	return uint8(v), err
}

// SetTOS sets the traffic class of a stream socket.
func SetTOS(fd int, v6 bool, tos uint8) error {
	if v6 {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, int(tos))
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, int(tos))
}

// Unacknowledged returns how many bytes of a TCP socket the far end has not acknowledged (SIOCOUTQ,
// tcp(7)); 0 where the kernel does not tell.
func Unacknowledged(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	if err != nil {
		return 0
	}
	return n
}
