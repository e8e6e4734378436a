package sim

import (
	"context"
	"encoding/binary"
	"net/netip"
	"sync"
	"syscall"

	"github.com/oneping/oneping/connector"
	"github.com/oneping/oneping/connector/icmp"
	"github.com/oneping/oneping/connector/tcp"
	"github.com/oneping/oneping/connector/udp"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// kernel is the connector's machine: routes and sockets over the packets of a subnet.
type kernel struct{ *subnet }

var _ connector.System = kernel{}

// Source is the machine's address in the subnet; there is no way to anywhere else.
func (k kernel) Source(dst netip.Addr) (netip.Addr, error) {
	if k.prefix.Contains(dst) {
		return k.own, nil
	}
	return netip.Addr{}, syscall.ENETUNREACH
}

// Networks is none: nobody is a neighbour, whose silence would be reported.
func (kernel) Networks() []netip.Prefix { return nil }

func (k kernel) ICMP(icmp.Mode) (icmp.Transport, error) {
	return &echoes{subnet: k.subnet, used: make(map[icmp.Outer]bool)}, nil
}

func (k kernel) UDP() (udp.Sockets, error) {
	return &ports{kernel: k, open: make(map[uint16]*port), next: firstPort}, nil
}

func (kernel) TCP() (tcp.Sockets, error) { return refusingTCP{}, nil }

// echoes sees all ICMP of the machine, as a raw socket does.
type echoes struct {
	*subnet
	nat *icmp.NAT

	mu   sync.Mutex
	used map[icmp.Outer]bool
	next uint16
}

func (e *echoes) Name() string         { return "simulated" }
func (e *echoes) Attach(nat *icmp.NAT) { e.nat = nat }
func (e *echoes) Close()               {}

func (e *echoes) Open(v6 bool, want uint16) (uint16, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for want == 0 || e.used[icmp.Outer{V6: v6, Ident: want}] {
		e.next++
		want = e.next
	}
	e.used[icmp.Outer{V6: v6, Ident: want}] = true
	return want, nil
}

func (e *echoes) Raw() bool { return false }

func (e *echoes) Records() bool { return false }

func (e *echoes) Alone(icmp.Outer) bool { return true }

func (e *echoes) Release(o icmp.Outer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.used, o)
}

func (e *echoes) Send(r icmp.Request) packet.Verdict {
	src, err := kernel{e.subnet}.Source(r.Dst)
	if err != nil {
		return packet.Verdict{Reason: packet.NoRoute, Answer: packet.NetUnreachable}
	}
	e.send(packet.AppendEcho(nil, &packet.Echo{
		Src: src, Dst: r.Dst, Ident: r.Ident, Seq: binary.BigEndian.Uint16(r.ICMP[6:]), TTL: r.TTL, TOS: r.TOS, DF: r.DF,
		Payload: r.ICMP[8:],
	}))
	return packet.Verdict{}
}

func (e *echoes) Run(ctx context.Context) error {
	return e.receive(ctx, func(b []byte) {
		var p packet.Packet
		if packet.Parse(b, &p) == packet.OK && p.Class == packet.ClassICMP {
			e.nat.Incoming(p.Transport(), icmp.Message{From: p.Src, TTL: p.TTL, TOS: p.TOS})
		}
	})
}

// firstPort is the lowest port of the machine's own.
const firstPort = 32768

// ports gives each session a port of the machine.
type ports struct {
	kernel

	mu   sync.Mutex
	open map[uint16]*port
	next uint16
}

// port is the socket of a session.
type port struct {
	of      *ports
	session *udp.Session
	local   netip.AddrPort
}

func (p *ports) Close() {}

func (p *ports) Open(s *udp.Session) (udp.Socket, packet.Verdict) {
	src, err := p.Source(s.Dst().Addr())
	if err != nil {
		return nil, packet.Verdict{Reason: packet.NoRoute, Answer: packet.NetUnreachable}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.open[p.next] != nil {
		p.next = max(p.next+1, firstPort)
	}
	made := &port{of: p, session: s, local: netip.AddrPortFrom(src, p.next)}
	p.open[p.next] = made
	p.next = max(p.next+1, firstPort)
	return made, packet.Verdict{}
}

func (p *port) Close() {
	p.of.mu.Lock()
	defer p.of.mu.Unlock()
	delete(p.of.open, p.local.Port())
}

func (p *port) Send(d udp.Datagram) packet.Verdict {
	p.of.send(packet.AppendUDP(nil, &packet.UDPPacket{
		Src: p.local, Dst: p.session.Dst(), TTL: d.TTL, TOS: d.TOS, DF: d.DF, Payload: d.Payload,
	}))
	return packet.Verdict{}
}

func (p *ports) Run(ctx context.Context) error { return p.receive(ctx, p.take) }

// take hands on what a session's own destination, and nobody else, has sent: the socket of a
// session is connected. Errors come from anywhere.
func (p *ports) take(b []byte) {
	var got, quoted packet.Packet
	if packet.Parse(b, &got) != packet.OK {
		return
	}
	switch {
	case got.Class == packet.ClassUDP:
		buf := append(make([]byte, proto.PayloadOverhead), got.Payload()...)
		p.hears(got.DstPort, got.SrcAddrPort(), func(s *udp.Session) { s.Received(buf, len(got.Payload()), got.TTL, got.TOS) })
	case got.Quoted(&quoted) && quoted.Class == packet.ClassUDP:
		e := packet.Error{Src: got.Src, Type: got.Type, Code: got.Code, TTL: got.TTL, MTU: got.MTU()}
		p.hears(quoted.SrcPort, quoted.DstAddrPort(), func(s *udp.Session) { s.Failed(e, quoted.Payload()) })
	}
}

// hears lets the session with that port and destination hear something, if there is one.
func (p *ports) hears(number uint16, dst netip.AddrPort, f func(*udp.Session)) {
	p.mu.Lock()
	at := p.open[number]
	p.mu.Unlock()
	if at == nil || at.session.Dst() != dst {
		return
	}
	at.session.Lock()
	defer at.session.Unlock()
	f(at.session)
	at.session.Advance()
}

// refusingTCP refuses all connections: gVisor, the client's half of TCP, does not run in a bubble.
type refusingTCP struct{}

func (refusingTCP) Dial(context.Context, tcp.Target) (tcp.Outcome, error) {
	return tcp.Outcome{Refused: true}, nil
}

func (refusingTCP) Run(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}
