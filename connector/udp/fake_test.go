package udp

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/oneping/oneping/connector/host"
	"github.com/oneping/oneping/connector/host/hosttest"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

var (
	client = netip.MustParseAddrPort("100.96.0.1:5000")
	server = netip.MustParseAddrPort("172.16.10.120:7")
	dns    = netip.MustParseAddrPort("172.16.10.53:53")
	router = netip.MustParseAddr("10.0.0.9")
	self   = netip.MustParseAddr("172.16.10.100")
)

// memory is Sockets in memory: each has a port of its own, and what is sent is kept.
type memory struct {
	sent chan []byte // IP packets
	open map[uint16]*port
	next uint16
}

// port is a socket of memory.
type port struct {
	of      *memory
	session *Session
	number  uint16
}

func newMemory() *memory {
	return &memory{sent: make(chan []byte, 1000), open: make(map[uint16]*port), next: 32768}
}

func (m *memory) Open(s *Session) (Socket, packet.Verdict) {
	m.next++
	p := &port{of: m, session: s, number: m.next}
	m.open[p.number] = p
	return p, packet.Verdict{}
}

func (m *memory) Run(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func (m *memory) Close() {}

func (p *port) Send(d Datagram) packet.Verdict {
	p.of.sent <- packet.AppendUDP(nil, &packet.UDPPacket{
		Src: netip.AddrPortFrom(self, p.number), Dst: p.session.Dst(), TTL: d.TTL, TOS: d.TOS, DF: d.DF, Payload: d.Payload,
	})
	return packet.Verdict{}
}

func (p *port) Close() { delete(p.of.open, p.number) }

// bench is a table of sessions over memory, and the connector around it.
type bench struct {
	*Sessions
	t        *testing.T
	host     *host.Host
	wire     *memory
	events   []proto.UDPEvent
	payloads []proto.UDPPayload
	counters packet.Counters
	port     uint16 // of session 1, where open has opened it
}

func newBench(t *testing.T, cfg Config) *bench {
	t.Helper()
	b := &bench{t: t, wire: newMemory()}
	b.host = hosttest.New(self, &b.counters)
	cfg.Host, cfg.Back = b.host, b
	b.Sessions = New(b.wire, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
	return b
}

// Deliver keeps what comes back.
func (b *bench) Deliver(_ netip.Addr, _ link.Class, d []byte) packet.Reason {
	d = append([]byte(nil), d...)
	var e proto.UDPEvent
	var p proto.UDPPayload
	switch {
	case proto.ParseUDPEvent(d, &e) == nil:
		b.events = append(b.events, e)
	case proto.ParseUDPPayload(d, &p) == nil:
		b.payloads = append(b.payloads, p)
	default:
		b.t.Errorf("delivered %x", d)
	}
	return packet.OK
}

// Count counts.
func (b *bench) Count(r packet.Reason) { b.counters.Count(r) }

// Register is Sessions.Register as the connector calls it: the host decides before, and answers for
// both.
func (b *bench) Register(r *proto.UDPRegistration) packet.Reason {
	w := b.host.Way(r.Dst.Addr())
	ttl, v := b.host.Forward(&w, r.Src.Addr(), r.TTL)
	if v.Reason == packet.OK {
		v = b.Sessions.Register(r, ttl)
	}
	refusal := b.host.Refuse(&w, r.Src.Addr(), r.TTL, v)
	return b.Refused(r.Src.Addr(), r.Session, r.Tag, &refusal)
}

// Payload is Sessions.Send as the connector calls it.
func (b *bench) Payload(p *proto.UDPPayload) packet.Reason {
	s, ok := b.Session(p.Session)
	if !ok {
		return b.Unknown(p.Session, p.Tag)
	}
	w := b.host.Way(s.Dst().Addr())
	ttl, v := b.host.Forward(&w, s.Client(), p.TTL)
	if v.Reason == packet.OK {
		v = b.Send(s, ttl, p)
	}
	refusal := b.host.Refuse(&w, s.Client(), p.TTL, v)
	return b.Refused(s.Client(), s.id, p.Tag, &refusal)
}

func (b *bench) register(id proto.SessionID, src, dst netip.AddrPort, payload string) packet.Reason {
	return b.Register(&proto.UDPRegistration{Session: id, Src: src, Dst: dst, Tag: 1, TTL: 62, Payload: []byte(payload)})
}

// left returns the next packet that left this host.
func (b *bench) left() packet.Packet {
	b.t.Helper()
	var p packet.Packet
	select {
	case raw := <-b.wire.sent:
		if r := packet.Parse(raw, &p); r != packet.OK {
			b.t.Fatalf("sent %x: %v", raw, r)
		}
	default:
		b.t.Fatal("nothing was sent")
	}
	return p
}

// hears lets the session that has sent p hear something.
func (b *bench) hears(p packet.Packet, f func(s *Session)) {
	b.t.Helper()
	at := b.wire.open[p.SrcPort]
	if at == nil {
		b.t.Fatalf("port %d is closed", p.SrcPort)
	}
	at.session.Lock()
	defer at.session.Unlock()
	f(at.session)
	at.session.Advance()
}

// answer lets the destination of p say text.
func (b *bench) answer(p packet.Packet, text string) {
	b.t.Helper()
	buf := append(make([]byte, proto.PayloadOverhead), text...)
	b.hears(p, func(s *Session) { s.Received(buf, len(text), 60, 0x48) })
}

// fails lets e be said about p, which is quoted whole.
func (b *bench) fails(p packet.Packet, e packet.Error) {
	b.t.Helper()
	b.hears(p, func(s *Session) { s.Failed(e, p.Payload()) })
}
