package icmp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/sock"
	"github.com/oneping/oneping/proto/packet"
)

// Linux raw ICMP sockets need CAP_NET_RAW. One of them sees all ICMP that
// this host receives, errors included, so IP_RECVERR stays off and no error of one packet fails another's send.
// IPv4 messages come with their IP header and want a checksum from us;
// IPv6 ones come without and the kernel fills the checksum in. Calls and their documented errors:
//
//	socket(2)     EPERM: no CAP_NET_RAW; EAFNOSUPPORT: no IPv6
//	setsockopt(2) ICMP_FILTER, ICMPV6_FILTER: only replies and errors
//	sendmsg(2)    EMSGSIZE, ENETUNREACH, EHOSTUNREACH, EACCES, EPERM, ENOBUFS, EAGAIN
//	recvmsg(2)    EAGAIN when empty

// rawSockets is the transport with one raw socket for each family.
type rawSockets struct {
	*idents
	poller *sock.Poller
	nat    *NAT
	v4, v6 *rawSocket // v6 nil without IPv6
}

type rawSocket struct {
	ip6 bool
	fd  int

	mu  sync.Mutex
	msg *sock.Message // guarded by mu: sending
	buf []byte        // guarded by mu
	df  bool          // guarded by mu
}

// newRaw returns the transport where this process has the capability.
func newRaw() (*rawSockets, error) {
	v4, err := openRaw(false)
	if err != nil {
		return nil, err
	}
	v6, err := openRaw(true)
	if err != nil && !errors.Is(err, unix.EAFNOSUPPORT) {
		_ = unix.Close(v4.fd)
		return nil, err
	}
	t := &rawSockets{idents: newIdents(), v4: v4, v6: v6}
	if t.poller, err = sock.NewPoller(); err != nil {
		t.closeSockets()
		return nil, err
	}
	for _, s := range t.sockets() {
		in := sock.NewMessage(0, sock.MaxPayload)
		if _, err := t.poller.Add(s.fd, func(sock.Events) { t.receive(s, in) }); err != nil {
			t.close()
			return nil, fmt.Errorf("open raw socket: %w", err)
		}
	}
	return t, nil
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
	err = filter(fd, v6)
	if err == nil {
		err = sock.SetDF(fd, v6, false)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("open raw socket: %w", err)
	}
	return &rawSocket{ip6: v6, fd: fd, msg: sock.NewMessage(0, 0)}, nil
}

// filter lets only echo replies and errors through and asks for what the IPv6 header would say.
func filter(fd int, v6 bool) error {
	if !v6 {
		block := ^(1<<packet.TypeEchoReply | 1<<packet.TypeUnreachable | 1<<packet.TypeTimeExceeded | 1<<packet.TypeParamProblem)
		return unix.SetsockoptInt(fd, unix.SOL_RAW, unix.ICMP_FILTER, int(int32(block)))
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

func (t *rawSockets) name() string  { return string(Raw) }
func (t *rawSockets) attach(n *NAT) { t.nat = n }

func (t *rawSockets) sockets() []*rawSocket {
	if t.v6 == nil {
		return []*rawSocket{t.v4}
	}
	return []*rawSocket{t.v4, t.v6}
}

func (t *rawSockets) open(v6 bool, want uint16) (uint16, error) {
	if v6 && t.v6 == nil {
		return 0, unix.EAFNOSUPPORT
	}
	return t.acquire(v6, want)
}

func (t *rawSockets) send(out outer, p *packet.Packet, ttl uint8) packet.Verdict {
	s := t.v4
	if out.v6 {
		s = t.v6
	}
	return s.send(out, p, ttl)
}

func (s *rawSocket) send(out outer, p *packet.Packet, ttl uint8) packet.Verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	if df := p.DF && !p.V6; df != s.df {
		if err := sock.SetDF(s.fd, p.V6, df); err != nil {
			return packet.Verdict{Reason: packet.SendFailed}
		}
		s.df = df
	}
	s.buf = append(s.buf[:0], p.Transport()...)
	binary.BigEndian.PutUint16(s.buf[4:], out.ident)
	if !p.V6 {
		s.buf[2], s.buf[3] = 0, 0
		binary.BigEndian.PutUint16(s.buf[2:], packet.Checksum(s.buf, 0))
	}
	to := sock.Send{Dst: netip.AddrPortFrom(p.Dst, 0), V6: p.V6, TTL: ttl, TOS: p.TOS}
	err := s.msg.SendTo(s.fd, s.buf, to)
	var mtu uint32
	if err == unix.EMSGSIZE {
		mtu = linkMTU(p.Dst)
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

func (t *rawSockets) receive(s *rawSocket, m *sock.Message) {
	for range readBatch {
		var r sock.Received
		if m.Receive(s.fd, 0, &r) != nil {
			return
		}
		if s.ip6 {
			t.nat.incoming(r.Data, message{from: r.From.Addr(), ttl: r.TTL, tos: r.TOS})
		} else {
			t.nat.incoming4(r.Data)
		}
	}
}

func (t *rawSockets) run(ctx context.Context) error { return t.poller.Run(ctx) }

func (t *rawSockets) close() {
	t.poller.Close()
	t.closeSockets()
}

func (t *rawSockets) closeSockets() {
	for _, s := range t.sockets() {
		s.mu.Lock()
		_ = unix.Close(s.fd)
		s.fd = -1
		s.mu.Unlock()
	}
}
