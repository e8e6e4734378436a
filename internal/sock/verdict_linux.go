package sock

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/proto/packet"
)

// Verdict says what a failed send or connect means for the one whose packet it
// was, when no router has said anything: it is about this host. mtu is that of our
// own link, where the kernel told it, else 0.
func Verdict(err error, mtu uint32) packet.Verdict {
	switch err {
	case nil:
		return packet.Verdict{}
	case unix.EAGAIN: // the socket's own queue
		return packet.Verdict{Reason: packet.NoBuffers}
	case unix.ENOBUFS, unix.ENOMEM, unix.EINVAL: // the neighbour table, which IPv6 calls EINVAL (ip6_finish_output2); an interface's queue
		return packet.Verdict{Reason: packet.NoBuffers, Answer: packet.HostUnreachable} // as of every full table (RFC 6888 REQ-8)
	case unix.ENETUNREACH, unix.EADDRNOTAVAIL, unix.EAFNOSUPPORT:
		return packet.Verdict{Reason: packet.NoRoute, Answer: packet.NetUnreachable}
	case unix.EHOSTUNREACH, unix.EHOSTDOWN:
		return packet.Verdict{Reason: packet.Unreachable, Answer: packet.HostUnreachable}
	case unix.EACCES, unix.EPERM: // a prohibiting route, a firewall
		return packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}
	case unix.EMSGSIZE:
		if mtu == 0 {
			return packet.Verdict{Reason: packet.TooLarge}
		}
		return packet.Verdict{Reason: packet.TooLarge, Answer: packet.TooBig, MTU: mtu}
	}
	return packet.Verdict{Reason: packet.SendFailed}
}

// Exhausted says whether err means that this host has no descriptor, memory
// or free port left: a table that is full (RFC 6888 REQ-8: host unreachable).
func Exhausted(err error) bool {
	for _, full := range [...]unix.Errno{
		unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.ENOSPC, unix.EAGAIN, unix.EADDRINUSE, unix.EADDRNOTAVAIL,
	} {
		if errors.Is(err, full) {
			return true
		}
	}
	return false
}
