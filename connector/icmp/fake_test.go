package icmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/oneping/oneping/connector/host"
	"github.com/oneping/oneping/connector/host/hosttest"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

var (
	alice4  = netip.MustParseAddr("100.96.0.1")
	bob4    = netip.MustParseAddr("100.96.0.2")
	server4 = netip.MustParseAddr("172.16.10.120")
	router4 = netip.MustParseAddr("10.0.0.9")
	self4   = netip.MustParseAddr("172.16.10.100")
	alice6  = netip.MustParseAddr("fd00::a")
	server6 = netip.MustParseAddr("fd00:1::120")
	router6 = netip.MustParseAddr("fd00:1::9")
)

// sentEcho is what a fake transport was asked to send.
type sentEcho struct {
	out Outer
	dst netip.Addr
	seq uint16
	ttl uint8
}

// fakeTransport gives each mapping what it asks for, unless it is taken.
type fakeTransport struct {
	*idents
	sent    []sentEcho
	opened  int
	openErr error
	alone   bool

	forgetful bool // sends no options
	options   []byte
}

func (t *fakeTransport) Records() bool    { return !t.forgetful }
func (t *fakeTransport) Raw() bool        { return true }
func (t *fakeTransport) Name() string     { return "fake" }
func (t *fakeTransport) Attach(*NAT)      {}
func (t *fakeTransport) Close()           {}
func (t *fakeTransport) Alone(Outer) bool { return t.alone }

func (t *fakeTransport) Open(v6 bool, want uint16) (uint16, error) {
	if t.openErr != nil {
		return 0, t.openErr
	}
	t.opened++
	return t.acquire(v6, want)
}

func (t *fakeTransport) Send(r Request) packet.Verdict {
	t.options = bytes.Clone(r.Options)
	t.sent = append(t.sent, sentEcho{out: r.Outer, dst: r.Dst, seq: binary.BigEndian.Uint16(r.ICMP[6:]), ttl: r.TTL})
	return packet.Verdict{}
}

func (t *fakeTransport) Run(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// bench is a NAT and everything around it.
type bench struct {
	*NAT
	t        *testing.T
	fake     *fakeTransport
	back     [][]byte
	counters packet.Counters
	host     *host.Host
}

func newBench(t *testing.T, cfg Config) *bench {
	fake := &fakeTransport{idents: newIdents()}
	b := benchOver(t, fake, cfg)
	b.fake = fake
	return b
}

// benchOver is a bench over another transport.
func benchOver(t *testing.T, over Transport, cfg Config) *bench {
	b := &bench{t: t}
	b.host = hosttest.New(self4, &b.counters)
	cfg.Host, cfg.Back = b.host, b
	b.NAT = New(over, cfg)
	return b
}

// Deliver keeps what comes back.
func (b *bench) Deliver(_ netip.Addr, _ link.Class, d []byte) packet.Reason {
	b.back = append(b.back, bytes.Clone(d))
	return packet.OK
}

// Count counts.
func (b *bench) Count(r packet.Reason) { b.counters.Count(r) }

// deaf is a bench that keeps nothing.
type deaf struct{ *bench }

func (deaf) Deliver(netip.Addr, link.Class, []byte) packet.Reason { return packet.OK }

// echoOf parses an echo request of e.
func echoOf(t testing.TB, e packet.Echo) packet.Packet {
	t.Helper()
	var p packet.Packet
	if r := packet.Parse(packet.AppendEcho(nil, &e), &p); r != packet.OK {
		t.Fatalf("parse: %v", r)
	}
	return p
}

// ask sends an echo request and returns it and the identifier that left.
func (b *bench) ask(e packet.Echo) (packet.Packet, Outer) {
	b.t.Helper()
	p := echoOf(b.t, e)
	if v := b.Send(&p, max(e.TTL, 2)-1); v.Reason != packet.OK {
		b.t.Fatalf("send: %v", v)
	}
	return p, b.fake.sent[len(b.fake.sent)-1].out
}

// pinged is ask with a reply that goes back.
func (b *bench) pinged(e packet.Echo) (packet.Packet, Outer) {
	b.t.Helper()
	p, out := b.ask(e)
	b.reply(&reply{out: out, from: e.Dst, seq: e.Seq, ttl: 60, payload: e.Payload})
	if reply := b.took(); reply.Ident != e.Ident || reply.Src != e.Dst {
		b.t.Fatalf("no reply of %v to %d", e.Dst, e.Ident)
	}
	return p, out
}

// took returns the only packet that went back since the last call, the zero Packet where there was
// none.
func (b *bench) took() packet.Packet {
	b.t.Helper()
	back := b.back
	b.back = nil
	var p packet.Packet
	if len(back) == 0 {
		return p
	}
	if len(back) != 1 {
		b.t.Fatalf("%d packets came back", len(back))
	}
	ip, err := proto.ParsePacket(back[0])
	if err != nil {
		b.t.Fatal(err)
	}
	if r := packet.Parse(ip, &p); r != packet.OK || !p.TransportOK() {
		b.t.Fatalf("came back %x: %v", ip, r)
	}
	return p
}

// icmpOf returns the ICMP message of p under another identifier, as a router quotes it.
func icmpOf(p packet.Packet, out Outer) []byte {
	raw := packet.AppendEcho(nil, &packet.Echo{Src: p.Src, Dst: p.Dst, Ident: out.Ident, Seq: p.Seq, TTL: p.TTL, Payload: p.Payload()})
	var renamed packet.Packet
	packet.Parse(raw, &renamed)
	return renamed.Transport()
}
