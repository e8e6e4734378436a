package icmp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/sock"
	"github.com/oneping/oneping/proto/packet"
)

// Linux raw ICMP sockets need CAP_NET_RAW. One of them sees all ICMP that this host receives,
// errors included, so IP_RECVERR stays off and no error of one packet fails another's send. IPv4
// messages come with their IP header and want a checksum from us; IPv6 ones come without and the
// kernel fills the checksum in. Calls and their documented errors:
//
//	socket(2)     EPERM: no CAP_NET_RAW; EAFNOSUPPORT: no IPv6
//	setsockopt(2) ICMP_FILTER, ICMPV6_FILTER: only replies and errors
//	sendmsg(2)    EMSGSIZE, ENETUNREACH, EHOSTUNREACH, EACCES, EPERM, EAGAIN; ENOBUFS only
//	              with IP_RECVERR (raw_sendmsg)
//	recvmsg(2)    EAGAIN when empty

// newRaw returns the table strategy over raw sockets where this process has the capability.
func newRaw() (Transport, error) {
	v4, err := openRaw(false)
	if err != nil {
		return nil, err
	}
	v6, err := openRaw(true)
	switch {
	case err == nil:
		return newShared(Raw, v4, v6), nil
	case errors.Is(err, unix.EAFNOSUPPORT):
		return newShared(Raw, v4, nil), nil
	}
	v4.close()
	return nil, err
}

// TryRaw says whether this process may open raw sockets.
func TryRaw() error {
	t, err := newRaw()
	if err == nil {
		t.Close()
	}
	return err
}

// rawSocket is the socket of one family.
type rawSocket struct {
	ip6    bool
	fd     int
	poller *sock.Poller
	msg    *sock.Message // for write
	df     bool          // what SetDF set last
	others others
}

func openRaw(v6 bool) (*rawSocket, error) {
	family, proto := unix.AF_INET, unix.IPPROTO_ICMP
	if v6 {
		family, proto = unix.AF_INET6, unix.IPPROTO_ICMPV6
	}
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		return nil, fmt.Errorf("open raw socket: %w", os.NewSyscallError("socket", err))
	}
	enlarge(fd) // it is everybody's
	s := &rawSocket{ip6: v6, fd: fd, msg: sock.NewMessage(0, 0)}
	if err := errors.Join(filter(fd, v6), sock.SetDF(fd, v6, false)); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("open raw socket: %w", err)
	}
	if s.poller, err = sock.NewPoller(); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("open raw socket: %w", err)
	}
	return s, nil
}

// filter lets only replies to queries and errors through and asks for what the IPv6 header would say.
func filter(fd int, v6 bool) error {
	if !v6 {
		block := ^(1<<packet.TypeEchoReply | 1<<packet.TypeTimestampReply | 1<<packet.TypeUnreachable | 1<<packet.TypeTimeExceeded | 1<<packet.TypeParamProblem)
		return unix.SetsockoptInt(fd, unix.SOL_RAW, unix.ICMP_FILTER, block)
	}
	var f unix.ICMPv6Filter // a set bit blocks
	for i := range f.Data {
		f.Data[i] = ^uint32(0)
	}
	for _, t := range [...]uint{packet.Type6Unreachable, packet.Type6TooBig, packet.Type6TimeExceeded, packet.Type6ParamProblem, packet.Type6EchoReply} {
		f.Data[t/32] &^= 1 << (t % 32)
	}
	return errors.Join(
		unix.SetsockoptICMPv6Filter(fd, unix.IPPROTO_ICMPV6, unix.ICMPV6_FILTER, &f),
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVTCLASS, 1),
	)
}

func (s *rawSocket) write(icmp, options []byte, to Header) packet.Verdict {
	if to.DF != s.df {
		if err := sock.SetDF(s.fd, s.ip6, to.DF); err != nil {
			return packet.Verdict{Reason: packet.SendFailed}
		}
		s.df = to.DF
	}
	err := s.msg.SendTo(s.fd, icmp, sock.Send{Dst: netip.AddrPortFrom(to.Dst, 0), V6: s.ip6, TTL: to.TTL, TOS: to.TOS, Options: options})
	var mtu uint32
	if err == unix.EMSGSIZE {
		mtu = linkMTU(to.Dst)
	}
	return sock.Verdict(err, mtu)
}

// linkMTU returns the MTU of the interface that leads to dst; 0 where that is
// not known. The kernel's own answer (IP_MTU) would be what a router once said of the path.
func linkMTU(dst netip.Addr) uint32 {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(dst, 9)))
	if err != nil {
		return 0
	}
	defer func() { _ = c.Close() }() // nothing was sent
	local, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return 0
	}
	ifaces, err := net.Interfaces()
	if err != nil {
		return 0
	}
	for _, i := range ifaces {
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.Equal(local.IP) {
				return uint32(i.MTU)
			}
		}
	}
	return 0
}

func (s *rawSocket) read(ctx context.Context, n *NAT) error {
	m := sock.NewMessage(0, sock.MaxPayload)
	ticket, err := s.poller.Add(s.fd, func(sock.Events) { s.receive(m, n) })
	if err != nil {
		return fmt.Errorf("read raw socket: %w", err)
	}
	defer s.poller.Remove(s.fd, ticket)
	return s.poller.Run(ctx)
}

// alone: this socket is one of those that the kernel lists.
func (s *rawSocket) alone(ident uint16) bool {
	now := time.Now()
	return s.others.raw(s.ip6, now) <= 1 && !s.others.ping(s.ip6, ident, now)
}

func (s *rawSocket) receive(m *sock.Message, n *NAT) {
	for range readBatch {
		var r sock.Received
		if m.Receive(s.fd, 0, &r) != nil {
			return
		}
		if s.ip6 {
			n.Incoming(r.Data, Message{From: r.From.Addr(), TTL: r.TTL, TOS: r.TOS})
		} else {
			n.incoming4(r.Data)
		}
	}
}

func (s *rawSocket) close() {
	s.poller.Close()
	_ = unix.Close(s.fd)
}
