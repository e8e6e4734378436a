package relay

import (
	"bytes"
	"context"
	"io"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// heard is what became of a request, whatever way it took: what was counted, and what the device
// was told of it.
type heard struct {
	reason    packet.Reason
	from      netip.Addr // who says it; zero: nobody
	typ, code uint8
	mtu       uint32
	ttl       uint8 // of what is said
	quoted    uint8 // TTL of the request as it is quoted
	decisions int   // how often the device was told of a denial's id
	onward    uint8 // TTL with which it went on to the connector; 0 = it did not
}

// situation is one for all three ways.
type situation struct {
	name     string
	cfg      Config
	src, dst netip.Addr
	ttl      uint8
	size     int                 // of the IP packet; flows have none
	before   func(w *world)      // makes the situation
	want     heard               // but for what follows from kind
	kind     packet.ErrorKind    // from the hop address; NoError: silence
	only     map[string]struct{} // ways that know the situation; nil = all
}

// The rooms say the same about a packet, a session and a flow: one table for all of them.
func TestRefusals(t *testing.T) {
	two := map[string]struct{}{"packet": {}, "registration": {}}
	tables := map[string]struct{}{"registration": {}, "flow": {}}
	silent := Config{Silent: true}
	full := func(w *world) {
		w.r.sessions, w.r.flows = newSessions(0, 0), newFlows(1, 1)
		f, _ := w.r.flows.open(&tuple{dev: w.alice.dev, holder: "alice"}, nil)
		w.r.flows.answered(f)
	}
	away := func(w *world) { w.home.Detach() }
	all := []situation{
		{name: "goes on", src: alice4, dst: server4, ttl: 9, want: heard{onward: 8}},
		{name: "TTL 2 leaves with 1", src: alice4, dst: server4, ttl: 2, want: heard{onward: 1}},
		{name: "spoofed", src: mallory, dst: server4, ttl: 9, want: heard{reason: packet.Spoofed}},
		{name: "spoofed before TTL", src: mallory, dst: server4, ttl: 1, want: heard{reason: packet.Spoofed}},
		{name: "spoofed before own address", src: mallory, dst: hop4, ttl: 9, want: heard{reason: packet.Spoofed}},
		{name: "TTL 1", src: alice4, dst: server4, ttl: 1, kind: packet.TimeExceeded, want: heard{reason: packet.TTLExpired}},
		{name: "TTL before policy", src: alice4, dst: denied4, ttl: 1, kind: packet.TimeExceeded, want: heard{reason: packet.TTLExpired}},
		{name: "TTL before route", src: alice4, dst: lost4, ttl: 1, kind: packet.TimeExceeded, want: heard{reason: packet.TTLExpired}},
		{name: "TTL on a silent edge", cfg: silent, src: alice4, dst: server4, ttl: 1, kind: packet.TimeExceeded, want: heard{reason: packet.TTLExpired}},
		{name: "TTL without an address", cfg: Config{Hops: []netip.Addr{hop6}}, src: alice4, dst: server4, ttl: 1, want: heard{reason: packet.TTLExpired}},
		{name: "denied", src: alice4, dst: denied4, ttl: 9, kind: packet.AdminProhibited, want: heard{reason: packet.Denied, decisions: 1}},
		{name: "denied before not routed", src: alice4, dst: router4, ttl: 9, kind: packet.AdminProhibited, want: heard{reason: packet.Denied, decisions: 1}},
		{name: "denied before too big", src: alice4, dst: denied4, ttl: 9, size: 1400, kind: packet.AdminProhibited, want: heard{reason: packet.Denied, decisions: 1}},
		{name: "denied on a silent edge", cfg: silent, src: alice4, dst: denied4, ttl: 9, want: heard{reason: packet.Denied, decisions: 1}},
		{name: "denied without an address", cfg: Config{Hops: []netip.Addr{hop6}}, src: alice4, dst: denied4, ttl: 9, want: heard{reason: packet.Denied, decisions: 1}},
		{name: "no route", src: alice4, dst: lost4, ttl: 9, kind: packet.NetUnreachable, want: heard{reason: packet.NoRoute}},
		{name: "no route on a silent edge", cfg: silent, src: alice4, dst: lost4, ttl: 9, want: heard{reason: packet.NoRoute}},
		{name: "no connector", src: alice4, dst: other4, ttl: 9, kind: packet.HostUnreachable, want: heard{reason: packet.ConnectorDown}},
		{name: "its connector has left", src: alice4, dst: server4, ttl: 9, before: away, kind: packet.HostUnreachable, want: heard{reason: packet.ConnectorDown}},
		{name: "no connector on a silent edge", cfg: silent, src: alice4, dst: other4, ttl: 9, want: heard{reason: packet.ConnectorDown}},
		{name: "just fits", src: alice4, dst: server4, ttl: 9, size: 1399, want: heard{onward: 8}},
		{name: "too big", src: alice4, dst: server4, ttl: 9, size: 1400, kind: packet.TooBig, only: two, want: heard{reason: packet.TooLarge, mtu: 1399}},
		{name: "too big on a silent edge", cfg: silent, src: alice4, dst: server4, ttl: 9, size: 1400, kind: packet.TooBig, only: two, want: heard{reason: packet.TooLarge, mtu: 1399}},
		{name: "TTL before size", src: alice4, dst: server4, ttl: 1, size: 1400, kind: packet.TimeExceeded, want: heard{reason: packet.TTLExpired}},
		{name: "table full", src: alice4, dst: server4, ttl: 9, before: full, kind: packet.HostUnreachable, only: tables, want: heard{reason: packet.TableFull}},
		{name: "table full on a silent edge", cfg: silent, src: alice4, dst: server4, ttl: 9, before: full, kind: packet.HostUnreachable, only: tables, want: heard{reason: packet.TableFull}},
		{name: "v6 goes on", src: alice6, dst: server6, ttl: 9, want: heard{onward: 8}},
		{name: "v6 TTL 1", src: alice6, dst: server6, ttl: 1, kind: packet.TimeExceeded, want: heard{reason: packet.TTLExpired}},
		{name: "v6 denied", src: alice6, dst: denied6, ttl: 9, kind: packet.AdminProhibited, want: heard{reason: packet.Denied, decisions: 1}},
		{name: "v6 no route", src: alice6, dst: lost6, ttl: 9, kind: packet.NetUnreachable, want: heard{reason: packet.NoRoute}},
		{name: "v6 no connector", src: alice6, dst: other6, ttl: 9, kind: packet.HostUnreachable, want: heard{reason: packet.ConnectorDown}},
		{name: "v6 too big", src: alice6, dst: server6, ttl: 9, size: 1400, kind: packet.TooBig, only: two, want: heard{reason: packet.TooLarge, mtu: 1399}},
	}
	for _, sit := range all {
		for way, ask := range map[string]func(*testing.T, *world, *situation) heard{"packet": askPacket, "registration": askSession, "flow": askFlow} {
			if _, ok := sit.only[way]; !ok && sit.only != nil {
				continue
			}
			t.Run(sit.name+"/"+way, func(t *testing.T) {
				w := newWorld(t, sit.cfg)
				if sit.before != nil {
					sit.before(w)
				}
				want := sit.want
				if sit.kind != packet.NoError {
					v6 := sit.dst.Is6()
					want.typ, want.code = sit.kind.TypeCode(v6)
					want.from, want.ttl, want.quoted = w.r.hop(v6), 64, sit.ttl
				}
				got := ask(t, w, &sit)
				if got.decisions += len(w.aliceLink.control); got != want {
					t.Errorf("heard %+v\n want %+v", got, want)
				}
				if n := w.r.Counters().Get(want.reason); want.reason != packet.OK && n != 1 {
					t.Errorf("%v was counted %d times", want.reason, n)
				}
			})
		}
	}
}

// payload returns a payload that makes the IP packet of a situation, behind headers of 8 bytes
// beside those of IP.
func (s *situation) payload() []byte {
	head := 28
	if s.dst.Is6() {
		head = 48
	}
	return make([]byte, max(s.size-head, 0))
}

func askPacket(t *testing.T, w *world, s *situation) heard {
	h := heard{reason: w.alice.Datagram(echo(packet.Echo{Src: s.src, Dst: s.dst, TTL: s.ttl, DF: true, Payload: s.payload()}))}
	var p, q packet.Packet
	if d := w.homeLink.take(t); d != nil {
		if r := packet.Parse(d[1:], &p); r != packet.OK {
			t.Fatal(r)
		}
		h.onward = p.TTL
	}
	if d := w.aliceLink.take(t); d != nil {
		if r := packet.Parse(d[1:], &p); r != packet.OK || !p.Quoted(&q) || p.Dst != s.src || q.Dst != s.dst {
			t.Fatalf("%v: %+v quotes %+v", r, p, q)
		}
		h.from, h.typ, h.code, h.mtu, h.ttl, h.quoted = p.Src, p.Type, p.Code, p.MTU(), p.TTL, q.TTL
	}
	return h
}

func askSession(t *testing.T, w *world, s *situation) heard {
	r := reg(s.src, s.dst, 53, s.ttl, 0)
	r.Payload = s.payload()
	h := heard{reason: w.alice.Datagram(regD(r))}
	if d := w.homeLink.take(t); d != nil {
		if err := proto.ParseUDPRegistration(d, &r); err != nil {
			t.Fatal(err)
		}
		h.onward = r.TTL
	}
	if d := w.aliceLink.take(t); d != nil {
		e := parseEvent(t, d)
		h.from, h.typ, h.code, h.mtu, h.ttl, h.quoted = e.Reporter, e.ICMPType, e.ICMPCode, uint32(e.MTU), e.TTL, e.QuotedTTL
		h.decisions = decisions(t, w, e.Decision)
	}
	return h
}

func askFlow(t *testing.T, w *world, s *situation) heard {
	opener := &fakeStream{}
	w.alice.Flow(t.Context(), opener, *header(s.src, s.dst, 22, s.ttl))
	h := heard{onward: w.homeLink.flowTTL}
	for r := range packet.NumReasons {
		if n := w.r.Counters().Get(r); n > 0 && r != packet.Timeout { // how the connector answered
			h.reason = r
		}
	}
	if opener.code == proto.CodeProtocol {
		return h
	}
	a, err := proto.ReadFlowAnswer(&opener.written)
	if err != nil {
		t.Fatalf("answer: %v, reset with %v", err, opener.code)
	}
	h.from, h.typ, h.code, h.mtu, h.ttl, h.quoted = a.Reporter, a.ICMPType, a.ICMPCode, uint32(a.MTU), a.TTL, a.QuotedTTL
	if a.Kind == proto.AnswerICMP {
		h.decisions = decisions(t, w, a.Decision)
	}
	return h
}

// decisions returns 1 where id names a denial, which must be known.
func decisions(t *testing.T, w *world, id proto.DecisionID) int {
	if id == 0 {
		return 0
	}
	if _, err := w.r.Denials().Explain(id, nil); err != nil {
		t.Error(err)
	}
	return 1
}

// What is for the hop itself is delivered before its TTL is looked at: echo is answered, UDP finds
// its port closed, TCP is reset.
func TestOwnAddress(t *testing.T) {
	for _, ttl := range []uint8{1, 9} {
		w := newWorld(t, Config{Silent: true})
		var p packet.Packet
		r := w.alice.Datagram(echo(packet.Echo{Src: alice4, Dst: hop4, TTL: ttl}))
		if d := w.aliceLink.take(t); r != packet.OK || packet.Parse(d[1:], &p) != packet.OK || !p.IsEchoReply() || p.TTL != 64 {
			t.Errorf("TTL %d, echo: %v, %+v", ttl, r, p)
		}
		r = w.alice.Datagram(regD(reg(alice4, hop4, 33434, ttl, 3)))
		if e := parseEvent(t, w.aliceLink.take(t)); r != packet.Refused || e.ICMPType != 3 || e.ICMPCode != 3 || e.QuotedTTL != ttl {
			t.Errorf("TTL %d, UDP: %v, %+v", ttl, r, e)
		}
		opener := &fakeStream{}
		w.alice.Flow(t.Context(), opener, *header(alice4, hop4, 22, ttl))
		if a, err := proto.ReadFlowAnswer(&opener.written); err != nil || a.Kind != proto.AnswerRefused || a.TTL != 64 {
			t.Errorf("TTL %d, TCP: %+v, %v", ttl, a, err)
		}
	}
}

// What was let in by a state that is over by then, and that the new one forbids, is ended by who
// has put it into its table: the change has not seen it there.
func TestChangedMeanwhile(t *testing.T) {
	for _, allowed := range []bool{true, false} {
		w := newWorld(t, Config{})
		change := func() {
			w.homeLink.asked = nil
			if !allowed {
				w.policy.Grants[0].How = []string{"icmp"}
			}
			w.setState(t)
		}
		w.homeLink.asked = change // by room 7: the decision is under way
		r := w.alice.Datagram(regD(reg(alice4, server4, 5000, 9, 3)))
		if allowed != (r == packet.OK) || allowed != (w.r.Sessions() == 1) || allowed != (w.homeLink.take(t) != nil) {
			t.Errorf("session, allowed %v: %v, %d sessions", allowed, r, w.r.Sessions())
		}
		if d := w.aliceLink.take(t); !allowed && (d == nil || parseEvent(t, d).Kind != proto.EventClosed) {
			t.Errorf("the device was told %x, want closed", d)
		}

		w = newWorld(t, Config{})
		opener, h := &fakeStream{}, header(alice4, server4, 22, 9)
		o := opening{a: w.alice, st: w.r.state.Load(), s: opener, h: *h, q: flowRequest(h)}
		change()
		end := o.open(t.Context())
		if ended := opener.code == proto.CodeDenied && w.homeLink.flow.code == proto.CodeDenied; ended == allowed || (end.answer == nil) == allowed {
			t.Errorf("flow, allowed %v: reset with %v, answer %v", allowed, opener.code, end.answer)
		}
	}
}

// A session stays with its connector while another, where it would be placed by now, comes and goes.
func TestASessionStaysWhereItIs(t *testing.T) {
	w := newWorld(t, Config{})
	other := newConnector("r-other", "t-home")
	link := &fakeLink{max: 1400, settled: true}
	other.attachment.Store(&ConnectorAttachment{r: w.r, con: other, link: link})
	register := func(port int) {
		r := reg(alice4, server4, 5000, 9, 3)
		r.Session, r.Src = proto.SessionID(port), netip.AddrPortFrom(alice4, uint16(port))
		if got := w.alice.Datagram(regD(r)); got != packet.OK {
			t.Fatal(got)
		}
	}
	register(1)
	tunnel := w.r.state.Load().tunnels["t-home"]
	tunnel.add(other)
	tunnel.remove(w.home.con) // who is placed now is placed there
	register(2)
	register(1)
	if len(link.sent) != 1 || len(w.homeLink.sent) != 2 {
		t.Errorf("%d registrations at the newcomer, %d at the first, want 1 and 2", len(link.sent), len(w.homeLink.sent))
	}
}

// A connector that cannot take a flow, or leaves before it answers, is not silence to the
// application: the one is said, the other frees its next SYN.
func TestFlowWithoutAnAnswer(t *testing.T) {
	w := newWorld(t, Config{})
	w.homeLink.noFlows = true
	opener := &fakeStream{}
	w.alice.Flow(t.Context(), opener, *header(alice4, server4, 22, 9))
	a, err := proto.ReadFlowAnswer(&opener.written)
	if err != nil || a != icmpAnswer(hop4, 3, 1, 9) || !opener.closed {
		t.Errorf("no stream to be had: %+v, %v", a, err)
	}
	w.homeLink.noFlows, w.homeLink.leaves = false, true
	opener = &fakeStream{}
	w.alice.Flow(t.Context(), opener, *header(alice4, server4, 22, 9))
	if w.homeLink.flow.code != proto.CodeAborted || opener.code != proto.CodeLinkDown || opener.written.Len() != 0 || w.r.Flows() != 0 {
		t.Errorf("left: reset with %v, %d bytes, %d flows", opener.code, opener.written.Len(), w.r.Flows())
	}
	if c := w.r.Counters(); c.Get(packet.ConnectorDown) != 1 || c.Get(packet.LinkDown) != 1 {
		t.Errorf("counted %v", c.Snapshot())
	}
}

// A SYN that its client gives up ends as that, whatever the connector was about to do: no link is down.
func TestFlowThatTheClientGivesUp(t *testing.T) {
	for name, noFlows := range map[string]bool{"waits for a stream": true, "waits for the answer": false} {
		w := newWorld(t, Config{})
		w.homeLink.noFlows, w.homeLink.leaves = noFlows, !noFlows
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		opener := &fakeStream{ctx: gone}
		w.alice.Flow(t.Context(), opener, *header(alice4, server4, 22, 9))
		if opener.code != proto.CodeAborted || opener.written.Len() != 0 || w.r.Flows() != 0 {
			t.Errorf("%s: reset with %v, %d bytes, %d flows", name, opener.code, opener.written.Len(), w.r.Flows())
		}
		c := w.r.Counters()
		if c.Get(packet.Closed) != 1 || c.Get(packet.LinkDown) != 0 || c.Get(packet.ConnectorDown) != 0 {
			t.Errorf("%s: counted %v, want closed 1", name, c.Snapshot())
		}
	}
}

// fakeStream is the stream of a flow without a network: it records what is written, and reads what
// it was given.
type fakeStream struct {
	in      io.Reader // nil = nothing comes
	written bytes.Buffer
	mu      sync.Mutex // held by resets, which may come from two sides
	code    proto.Code // of its first reset
	closed  bool
	ctx     context.Context // of its half; nil = it does not end
}

// answering returns the connector's end of a flow that nothing comes of.
func answering() *fakeStream {
	return &fakeStream{in: bytes.NewReader(proto.AppendFlowAnswer(nil, &proto.FlowAnswer{Kind: proto.AnswerSilent}))}
}

func (f *fakeStream) Read(b []byte) (int, error) {
	if f.in == nil {
		return 0, io.EOF
	}
	return f.in.Read(b)
}
func (f *fakeStream) Write(b []byte) (int, error)     { return f.written.Write(slices.Clone(b)) }
func (f *fakeStream) Peek([]byte) (int, error)        { return 0, io.EOF }
func (f *fakeStream) CloseWrite() error               { return nil }
func (f *fakeStream) Close() error                    { f.closed = true; return nil }
func (f *fakeStream) SetReadDeadline(time.Time) error { return nil }
func (f *fakeStream) Context() context.Context {
	if f.ctx != nil {
		return f.ctx
	}
	return context.Background()
}

func (f *fakeStream) Reset(code proto.Code) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.code == 0 {
		f.code = code
	}
}
