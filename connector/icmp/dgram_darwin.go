package icmp

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/proto/packet"
)

// macOS lets any user open SOCK_DGRAM sockets of IPPROTO_ICMP and IPPROTO_ICMPV6 and send echo
// requests. Unlike Linux it neither writes the identifier nor filters by it: every such socket sees
// all replies and errors that this host receives, so one socket a family is enough and identifiers
// are ours to allocate and to tell apart. IPv4 messages arrive with their IP header (its length
// field in host order and without the header), IPv6 ones without, their hop limit in a control
// message. TTL and class are socket options and hold for the sends that follow; writes are one at a
// time, so each has its own. DF is refused on such sockets before macOS 11: a request goes out
// without it then. Calls and their documented errors:
//
//	socket(2)     EAFNOSUPPORT, EPROTONOSUPPORT, EMFILE, ENFILE, ENOBUFS
//	setsockopt(2) ENOPROTOOPT, EINVAL
//	sendto(2)     EMSGSIZE, ENOBUFS, EAGAIN, ENETUNREACH, EHOSTUNREACH,
//	              EHOSTDOWN (no ARP answer), EACCES
//	recvmsg(2)    EAGAIN when empty
//
// From Apple's manual pages and sources, not measured here.

// Constants of netinet/in.h and netinet6/in6.h (RFC 3542) that x/sys/unix lacks.
const (
	ipDontFrag      = 28
	ip6RecvTClass   = 35
	ip6TClass       = 36
	ip6RecvHopLimit = 37
	ip6HopLimit     = 47
	ip6DontFrag     = 62
)

// NewTransport returns the table strategy over datagram sockets. There is no choice on macOS.
func NewTransport(mode Mode) (Transport, error) {
	if mode == Raw {
		return nil, newOff(errors.New("raw sockets are not used on macOS"), "leave --icmp out")
	}
	v4, err := openDgram(false)
	if err != nil {
		return nil, newOff(err, "")
	}
	v6, err := openDgram(true)
	if err != nil {
		return newShared(Ping, v4, nil), nil // no IPv6 on this host
	}
	return newShared(Ping, v4, v6), nil
}

// TryPing says whether this process may open an ICMP socket of one family.
func TryPing(v6 bool) error {
	d, err := openDgram(v6)
	if err != nil {
		return err
	}
	d.close()
	return nil
}

// GroupRangeCommand is empty: macOS restricts ICMP sockets to no group.
func GroupRangeCommand() string { return "" }

// dgram is the socket of one family.
type dgram struct {
	ip6  bool
	file *os.File
	fd   int // of file, for write
	last Header
}

func openDgram(v6 bool) (*dgram, error) {
	family, proto := unix.AF_INET, unix.IPPROTO_ICMP
	if v6 {
		family, proto = unix.AF_INET6, unix.IPPROTO_ICMPV6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM, proto)
	if err != nil {
		return nil, fmt.Errorf("open icmp socket: %w", os.NewSyscallError("socket", err))
	}
	unix.CloseOnExec(fd)
	err = unix.SetNonblock(fd, true)
	if v6 && err == nil {
		err = errors.Join(
			unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, ip6RecvHopLimit, 1),
			unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, ip6RecvTClass, 1),
		)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("open icmp socket: %w", err)
	}
	return &dgram{ip6: v6, fd: fd, file: os.NewFile(uintptr(fd), "icmp")}, nil
}

func (d *dgram) write(icmp, _ []byte, to Header) packet.Verdict {
	if err := d.set(to); err != nil {
		return packet.Verdict{Reason: packet.SendFailed}
	}
	var sa unix.Sockaddr
	if d.ip6 {
		sa = &unix.SockaddrInet6{Addr: to.Dst.As16()}
	} else {
		sa = &unix.SockaddrInet4{Addr: to.Dst.As4()}
	}
	return dgramVerdict(unix.Sendto(d.fd, icmp, 0, sa))
}

// set makes the socket send as to says, where it does not yet.
func (d *dgram) set(to Header) error {
	level, ttl, tos := unix.IPPROTO_IP, unix.IP_TTL, unix.IP_TOS
	if d.ip6 {
		level, ttl, tos = unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, ip6TClass
	}
	if to.TTL != d.last.TTL {
		if err := unix.SetsockoptInt(d.fd, level, ttl, int(to.TTL)); err != nil {
			return err
		}
	}
	if to.TOS != d.last.TOS {
		if err := unix.SetsockoptInt(d.fd, level, tos, int(to.TOS)); err != nil {
			return err
		}
	}
	if to.DF != d.last.DF {
		option, v := ipDontFrag, 0
		if d.ip6 {
			option = ip6DontFrag
		}
		if to.DF {
			v = 1
		}
		_ = unix.SetsockoptInt(d.fd, level, option, v) // IPv4: refused before macOS 11
	}
	d.last = to
	return nil
}

// dgramVerdict says what a failed send means for the sender of the request.
func dgramVerdict(err error) packet.Verdict {
	switch err {
	case nil:
		return packet.Verdict{}
	case unix.ENOBUFS, unix.EAGAIN:
		return packet.Verdict{Reason: packet.NoBuffers}
	case unix.ENETUNREACH, unix.EADDRNOTAVAIL:
		return packet.Verdict{Reason: packet.NoRoute, Answer: packet.NetUnreachable}
	case unix.EHOSTUNREACH, unix.EHOSTDOWN:
		return packet.Verdict{Reason: packet.Unreachable, Answer: packet.HostUnreachable}
	case unix.EACCES, unix.EPERM:
		return packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}
	case unix.EMSGSIZE:
		return packet.Verdict{Reason: packet.TooLarge}
	}
	return packet.Verdict{Reason: packet.SendFailed}
}

func (d *dgram) read(ctx context.Context, n *NAT) error {
	stop := context.AfterFunc(ctx, func() { _ = d.file.Close() }) // frees the read
	defer stop()
	conn, err := d.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("read icmp socket: %w", err)
	}
	buf, oob := make([]byte, 1<<16), make([]byte, 128)
	for {
		var size, oobSize int
		var from unix.Sockaddr
		var rerr error
		err := conn.Read(func(fd uintptr) bool {
			size, oobSize, _, from, rerr = unix.Recvmsg(int(fd), buf, oob, 0)
			return rerr != unix.EAGAIN
		})
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("read icmp socket: %w", err)
		}
		if rerr != nil {
			continue // the pending error of a send
		}
		if !d.ip6 {
			n.incoming4(buf[:size])
		} else if sa, ok := from.(*unix.SockaddrInet6); ok {
			n.Incoming(buf[:size], message6(netip.AddrFrom16(sa.Addr), oob[:oobSize]))
		}
	}
}

// message6 reads hop limit and class out of control messages.
func message6(from netip.Addr, oob []byte) Message {
	m := Message{From: from}
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return m
	}
	for _, c := range msgs {
		if c.Header.Level != unix.IPPROTO_IPV6 || len(c.Data) < 1 {
			continue
		}
		switch c.Header.Type { // int, little endian on all of Apple's processors
		case ip6HopLimit:
			m.TTL = c.Data[0]
		case ip6TClass:
			m.TOS = c.Data[0]
		}
	}
	return m
}

// alone: who else has such a socket cannot be asked here.
func (d *dgram) alone(uint16) bool { return false }

func (d *dgram) close() { _ = d.file.Close() }
