//go:build darwin || linux

package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// listener sends by sockets of each method, and hears what is said about their packets by one more, that
// gets every ICMP message that this host receives: a datagram one on macOS, a raw one on Linux, where
// its test runs. The system tells an answer's TTL with it.
type listener struct {
	Config
	*inbox
	conn    *icmp.PacketConn
	raw     bool // conn is
	source  netip.Addr
	hearing sync.WaitGroup

	mu sync.Mutex
	// guarded by mu:
	question question
	open     map[uint16]io.Closer
	ended    bool
}

// listen returns a sender that hears by conn, and owns it.
func listen(c Config, conn *icmp.PacketConn, raw bool) (*listener, error) {
	l := &listener{
		Config: c, inbox: newInbox(), conn: conn, raw: raw, open: make(map[uint16]io.Closer),
		question: question{method: c.Method, dst: c.Dst, ident: uint16(rand.Uint32()), ports: make(map[uint16]uint16)},
	}
	probe, err := l.dial("udp", Packet{Port: 9}, nil) // sends nothing: its source is asked for
	if err != nil {
		return nil, err
	}
	defer probe.Close()
	l.source = probe.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	l.hearing.Go(l.hearAll)
	return l, nil
}

// Source returns the address that packets leave from.
func (l *listener) Source() netip.Addr { return l.source }

// Send sends one packet.
func (l *listener) Send(p Packet) error {
	var err error
	switch l.Method {
	case ICMP:
		err = l.sendEcho(p)
	case UDP:
		err = l.sendDatagram(p)
	case TCP:
		return l.connect(p)
	}
	switch {
	case errors.Is(err, unix.EMSGSIZE):
		l.hear(Answer{Kind: TooLong, Seq: p.Seq, Info: l.deviceMTU()})
		return nil
	case errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOMEM):
		return ErrBusy
	}
	return err
}

// sendEcho sends an echo request by the socket that hears.
func (l *listener) sendEcho(p Packet) error {
	v6 := l.Dst.Is6()
	m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: int(l.question.ident), Seq: int(p.Seq), Data: p.Payload}}
	if v6 {
		m.Type = ipv6.ICMPTypeEchoRequest
	}
	b, err := m.Marshal(nil)
	if err != nil {
		return err
	}
	if p.TTL > 0 {
		if c := l.conn.IPv4PacketConn(); c != nil {
			err = c.SetTTL(int(p.TTL))
		} else if c := l.conn.IPv6PacketConn(); c != nil {
			err = c.SetHopLimit(int(p.TTL))
		}
		if err != nil {
			return fmt.Errorf("set ttl: %w", err)
		}
	}
	var to net.Addr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(l.Dst, 0))
	if l.raw {
		to = &net.IPAddr{IP: l.Dst.AsSlice(), Zone: l.Dst.Zone()}
	}
	_, err = l.conn.WriteTo(b, to)
	return err
}

// sendDatagram sends UDP by a socket of its own, and hears what comes back to that.
func (l *listener) sendDatagram(p Packet) error {
	c, err := l.dial("udp", p, l.note)
	if err != nil {
		return err
	}
	if !l.keep(p.Seq, c) {
		return net.ErrClosed
	}
	l.hearing.Go(func() {
		var b [1]byte
		for range maxErrors { // each an ICMP error, which the other socket hears, too
			_, err := c.Read(b[:])
			if err == nil {
				l.hear(Answer{Seq: p.Seq, From: l.Dst})
			}
			if err == nil || errors.Is(err, net.ErrClosed) {
				return
			}
		}
	})
	_, err = c.Write(p.Payload)
	return err
}

// maxErrors is how many errors of one packet are read over.
const maxErrors = 16

// connect begins a TCP connection, which is reset as soon as it is there.
func (l *listener) connect(p Packet) error {
	ctx, cancel := context.WithCancel(context.Background())
	if !l.keep(p.Seq, closer(cancel)) {
		return net.ErrClosed
	}
	l.hearing.Go(func() {
		c, err := l.dialContext(ctx, "tcp", p, l.note)
		if err == nil {
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		}
		if err == nil || errors.Is(err, unix.ECONNREFUSED) {
			l.hear(Answer{Seq: p.Seq, From: l.Dst})
		}
	})
	return nil
}

// closer is something that ends by a call.
type closer func()

// Close calls it.
func (c closer) Close() error { c(); return nil }

// note remembers by which port a packet leaves.
func (l *listener) note(seq, port uint16) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.question.ports[port] = seq
}

// keep remembers what is open for a packet; false where the sender has ended.
func (l *listener) keep(seq uint16, c io.Closer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		_ = c.Close()
		return false
	}
	l.open[seq] = c
	return true
}

func (l *listener) dial(network string, p Packet, note func(seq, port uint16)) (net.Conn, error) {
	return l.dialContext(context.Background(), network, p, note)
}

// dialContext connects a socket with the TTL of p; note is told the port before anything is sent.
func (l *listener) dialContext(ctx context.Context, network string, p Packet, note func(seq, port uint16)) (net.Conn, error) {
	d := net.Dialer{ControlContext: func(_ context.Context, _, _ string, c syscall.RawConn) error {
		var err error
		if cerr := c.Control(func(fd uintptr) { err = l.prepareSocket(int(fd), p, note) }); cerr != nil {
			return cerr
		}
		return err
	}}
	return d.DialContext(ctx, network, netip.AddrPortFrom(l.Dst, p.Port).String())
}

// prepareSocket sets what p wants, and binds the socket to a port that is known from then on.
func (l *listener) prepareSocket(fd int, p Packet, note func(seq, port uint16)) error {
	v6 := l.Dst.Is6()
	if err := l.prepare(fd, v6); err != nil {
		return err
	}
	if p.TTL > 0 {
		if err := setTTL(fd, v6, p.TTL); err != nil {
			return fmt.Errorf("set ttl: %w", err)
		}
	}
	if note == nil {
		return nil
	}
	if !l.Config.Source.IsValid() {
		var free unix.Sockaddr = &unix.SockaddrInet4{}
		if v6 {
			free = &unix.SockaddrInet6{}
		}
		if err := unix.Bind(fd, free); err != nil {
			return fmt.Errorf("bind: %w", err)
		}
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return fmt.Errorf("find own port: %w", err)
	}
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		note(p.Seq, uint16(a.Port))
	case *unix.SockaddrInet6:
		note(p.Seq, uint16(a.Port))
	}
	return nil
}

func setTTL(fd int, v6 bool, ttl uint8) error {
	if v6 {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, int(ttl))
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TTL, int(ttl))
}

// deviceMTU returns the MTU of the device that has our address, 0 where there is none.
func (l *listener) deviceMTU() uint32 {
	devices, _ := net.Interfaces()
	for _, d := range devices {
		addrs, _ := d.Addrs()
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.Equal(l.source.AsSlice()) {
				return uint32(d.MTU)
			}
		}
	}
	return 0
}

// hearAll reads ICMP messages until the socket is closed.
func (l *listener) hearAll() {
	buf := make([]byte, 1<<16)
	for {
		n, ttl, from, err := l.read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // the error of a send
		}
		l.mu.Lock()
		a, ok := l.question.about(buf[:n], from)
		l.mu.Unlock()
		if ok {
			a.TTL = ttl
			l.hear(a)
		}
	}
}

// read reads one message.
func (l *listener) read(buf []byte) (n int, ttl uint8, from netip.Addr, err error) {
	var peer net.Addr
	if c := l.conn.IPv4PacketConn(); c != nil {
		var cm *ipv4.ControlMessage
		if n, cm, peer, err = c.ReadFrom(buf); cm != nil {
			ttl = uint8(cm.TTL)
		}
	} else {
		var cm *ipv6.ControlMessage
		if n, cm, peer, err = l.conn.IPv6PacketConn().ReadFrom(buf); cm != nil {
			ttl = uint8(cm.HopLimit)
		}
	}
	switch a := peer.(type) {
	case *net.UDPAddr:
		from = a.AddrPort().Addr().Unmap()
	case *net.IPAddr:
		from, _ = netip.AddrFromSlice(a.IP)
		from = from.Unmap().WithZone(a.Zone)
	}
	return n, ttl, from, err
}

// Forget closes what is open for a packet.
func (l *listener) Forget(seq uint16) {
	l.mu.Lock()
	c := l.open[seq]
	delete(l.open, seq)
	l.mu.Unlock()
	if c != nil {
		_ = c.Close()
	}
}

// Close closes everything and waits for who hears.
func (l *listener) Close() error {
	l.mu.Lock()
	l.ended = true
	for seq, c := range l.open {
		_ = c.Close()
		delete(l.open, seq)
	}
	l.mu.Unlock()
	err := l.conn.Close()
	l.hearing.Wait()
	return err
}

// watchTTL asks for the TTL of all that is heard.
func watchTTL(conn *icmp.PacketConn) error {
	if c := conn.IPv4PacketConn(); c != nil {
		return c.SetControlMessage(ipv4.FlagTTL, true)
	}
	return conn.IPv6PacketConn().SetControlMessage(ipv6.FlagHopLimit, true)
}
