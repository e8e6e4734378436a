package relay

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

func reg(src, dst netip.Addr, port uint16, ttl uint8, payload int) proto.UDPRegistration {
	return proto.UDPRegistration{
		Session: 42, Src: netip.AddrPortFrom(src, 4000), Dst: netip.AddrPortFrom(dst, port), Tag: 7, TTL: ttl, Class: 0xb8, DF: true,
		Payload: make([]byte, payload),
	}
}

func regD(r proto.UDPRegistration) []byte { return proto.AppendUDPRegistration(nil, &r) }
func payloadD(p proto.UDPPayload) []byte  { return proto.AppendUDPPayload(nil, &p) }
func eventD(e proto.UDPEvent) []byte      { return proto.AppendUDPEvent(nil, &e) }
func parseEvent(t *testing.T, d []byte) (e proto.UDPEvent) {
	t.Helper()
	if err := proto.ParseUDPEvent(d, &e); err != nil {
		t.Fatalf("parse event %x: %v", d, err)
	}
	return e
}

// TestRegistration passes registrations through the rooms.
func TestRegistration(t *testing.T) {
	icmp := func(hop netip.Addr, typ, code, quoted uint8, mtu uint16) []byte {
		return eventD(proto.UDPEvent{Session: 42, Kind: proto.EventICMP, ICMPType: typ, ICMPCode: code, TTL: 64, QuotedTTL: quoted, MTU: mtu, Tag: 7, Reporter: hop})
	}
	ok4, ok6 := reg(alice4, server4, 53, 9, 10), reg(alice6, server6, 53, 9, 10)
	ttl := func(r proto.UDPRegistration, n uint8) proto.UDPRegistration { r.TTL = n; return r }
	noDF := func(r proto.UDPRegistration) proto.UDPRegistration { r.DF = false; return r }
	tests := []struct {
		name          string
		cfg           Config
		in            []byte
		reason        packet.Reason
		forward, back []byte
		any           bool // every port is granted
		denied        bool // the event carries a decision
		told          bool // by a control message
	}{
		{name: "v4", in: regD(ok4), forward: regD(ttl(ok4, 8))},
		{name: "v6", in: regD(ok6), forward: regD(ttl(ok6, 8))},
		{name: "spoofed", in: regD(reg(mallory, server4, 53, 9, 10)), reason: packet.Spoofed},
		{name: "v4 hop", in: regD(reg(alice4, hop4, 33434, 1, 10)), reason: packet.Refused, back: icmp(hop4, 3, 3, 1, 0)},
		{name: "v6 hop", in: regD(reg(alice6, hop6, 33434, 1, 10)), reason: packet.Refused, back: icmp(hop6, 1, 4, 1, 0)},
		{name: "v4 TTL 1", in: regD(ttl(ok4, 1)), reason: packet.TTLExpired, back: icmp(hop4, 11, 0, 1, 0)},
		{name: "v6 TTL 1", in: regD(ttl(ok6, 1)), reason: packet.TTLExpired, back: icmp(hop6, 3, 0, 1, 0)},
		{name: "no hop address", cfg: Config{Hops: []netip.Addr{hop6}}, in: regD(ttl(ok4, 1)), reason: packet.TTLExpired},
		{name: "v4 port not granted", in: regD(reg(alice4, server4, 80, 9, 10)), reason: packet.Denied, back: icmp(hop4, 3, 13, 9, 0), denied: true},
		{name: "v6 denied", in: regD(reg(alice6, denied6, 53, 9, 10)), reason: packet.Denied, back: icmp(hop6, 1, 1, 9, 0), denied: true},
		{name: "v4 no route", in: regD(reg(alice4, lost4, 53, 9, 10)), reason: packet.NoRoute, back: icmp(hop4, 3, 0, 9, 0)},
		{name: "v6 no route", in: regD(reg(alice6, lost6, 53, 9, 10)), reason: packet.NoRoute, back: icmp(hop6, 1, 0, 9, 0)},
		{name: "v4 no connector", in: regD(reg(alice4, other4, 53, 9, 10)), reason: packet.ConnectorDown, back: icmp(hop4, 3, 1, 9, 0)},
		{name: "v6 no connector", in: regD(reg(alice6, other6, 53, 9, 10)), reason: packet.ConnectorDown, back: icmp(hop6, 1, 3, 9, 0)},
		{name: "silent denied", cfg: Config{Silent: true}, in: regD(reg(alice4, server4, 80, 9, 10)), reason: packet.Denied, told: true},
		{name: "silent no route", cfg: Config{Silent: true}, in: regD(reg(alice4, lost4, 53, 9, 10)), reason: packet.NoRoute},
		{name: "silent no connector", cfg: Config{Silent: true}, in: regD(reg(alice4, other4, 53, 9, 10)), reason: packet.ConnectorDown},
		{name: "DF just fits", in: regD(reg(alice4, server4, 53, 9, 1399-28)), forward: regD(ttl(reg(alice4, server4, 53, 9, 1399-28), 8))},
		{name: "v4 DF too big", in: regD(reg(alice4, server4, 53, 9, 1400-28)), reason: packet.TooLarge, back: icmp(hop4, 3, 4, 9, 1399)},
		{name: "v6 too big", in: regD(reg(alice6, server6, 53, 9, 1400-48)), reason: packet.TooLarge, back: icmp(hop6, 2, 0, 9, 1399)},
		{name: "without DF", in: regD(noDF(reg(alice4, server4, 53, 9, 1400))), forward: regD(noDF(ttl(reg(alice4, server4, 53, 9, 1400), 8)))},
		{name: "reassembled", in: regD(reg(alice4, server4, 53, 9, 9000)), forward: regD(ttl(reg(alice4, server4, 53, 9, 9000), 8))},
		{name: "multicast", in: regD(reg(alice4, netip.MustParseAddr("224.0.0.1"), 53, 9, 10)), reason: packet.Multicast},
		{name: "class E", in: regD(reg(alice4, netip.MustParseAddr("240.0.0.1"), 53, 9, 10)), reason: packet.Multicast},
		{name: "port 0", in: regD(reg(alice4, server4, 0, 9, 10)), reason: packet.Denied, back: icmp(hop4, 3, 13, 9, 0), denied: true},
		{name: "port 0, granted", any: true, in: regD(reg(alice4, server4, 0, 9, 10)), forward: regD(reg(alice4, server4, 0, 8, 10))},
		{name: "short", in: []byte{2, 0, 9}, reason: packet.Malformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.cfg)
			if tt.any {
				w.policy.Grants[0].How = []string{"*"}
				w.setState(t)
			}
			if got := w.alice.Datagram(slices.Clone(tt.in)); got != tt.reason {
				t.Errorf("reason %v, want %v", got, tt.reason)
			}
			if diff := cmp.Diff(tt.forward, w.homeLink.take(t)); diff != "" {
				t.Errorf("to the connector (-want +got):\n%s", diff)
			}
			back := w.aliceLink.take(t)
			if tt.denied {
				e := parseEvent(t, back)
				if _, err := w.r.Denials().Explain(e.Decision, nil); err != nil || e.Kind != proto.EventDenied {
					t.Errorf("event %+v: %v", e, err)
				}
				e.Kind, e.Decision = proto.EventICMP, 0
				back = eventD(e)
			}
			if diff := cmp.Diff(tt.back, back); diff != "" {
				t.Errorf("to the client (-want +got):\n%s", diff)
			}
			if got := len(w.aliceLink.control) == 1; got != tt.told {
				t.Errorf("told by control message: %v, want %v", got, tt.told)
			}
			if want := map[bool]int{true: 1}[tt.forward != nil]; w.r.Sessions() != want {
				t.Errorf("%d sessions, want %d", w.r.Sessions(), want)
			}
		})
	}
}

// TestSession follows one session both ways.
func TestSession(t *testing.T) {
	w := newWorld(t, Config{})
	up := proto.UDPPayload{Session: 42, Tag: 9, TTL: 5, Class: 1, DF: true, Payload: []byte("up")}
	if r := w.alice.Datagram(payloadD(up)); r != packet.UnknownSession {
		t.Fatalf("payload before registration: %v", r)
	}
	if e := parseEvent(t, w.aliceLink.take(t)); e.Kind != proto.EventUnknown || e.Session != 42 {
		t.Fatalf("answer %+v, want unknown", e)
	}
	register := regD(reg(alice4, server4, 5000, 9, 3))
	for range 2 { // the same again changes nothing
		if r := w.alice.Datagram(slices.Clone(register)); r != packet.OK || w.r.Sessions() != 1 {
			t.Fatalf("registration: %v, %d sessions", r, w.r.Sessions())
		}
	}
	w.homeLink.sent = nil
	want := up
	want.TTL = 4
	if r := w.alice.Datagram(payloadD(up)); r != packet.OK || !slices.Equal(w.homeLink.take(t), payloadD(want)) {
		t.Fatalf("payload: %v", r)
	}
	down := proto.UDPPayload{Session: 42, TTL: 60, Payload: []byte("down")}
	want = down
	want.TTL = 59
	if r := w.home.Datagram(payloadD(down)); r != packet.OK || !slices.Equal(w.aliceLink.take(t), payloadD(want)) {
		t.Fatalf("payload back: %v", r)
	}
	up.TTL = 1
	if r := w.alice.Datagram(payloadD(up)); r != packet.TTLExpired {
		t.Fatalf("TTL 1: %v", r)
	}
	if diff := cmp.Diff(proto.UDPEvent{Session: 42, Kind: proto.EventICMP, ICMPType: 11, TTL: 64, QuotedTTL: 1, Tag: 9, Reporter: hop4}, parseEvent(t, w.aliceLink.take(t)), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("TTL 1 (-want +got):\n%s", diff)
	}
	down.TTL = 1
	if r := w.home.Datagram(payloadD(down)); r != packet.TTLExpired || w.homeLink.take(t) != nil || w.aliceLink.take(t) != nil {
		t.Fatalf("expired on the way back: %v", r)
	}
	up.TTL, up.Payload = 9, make([]byte, 1400-28)
	if r := w.alice.Datagram(payloadD(up)); r != packet.TooLarge {
		t.Fatalf("too big: %v", r)
	}
	if e := parseEvent(t, w.aliceLink.take(t)); e.MTU != 1399 || e.ICMPCode != 4 || e.Tag != 9 {
		t.Errorf("too big: %+v", e)
	}
	closed := eventD(proto.UDPEvent{Session: 42, Kind: proto.EventClosed})
	if r := w.alice.Datagram(slices.Clone(closed)); r != packet.OK || !slices.Equal(w.homeLink.take(t), closed) || w.r.Sessions() != 0 {
		t.Fatalf("closing: %v, %d sessions", r, w.r.Sessions())
	}
}

// TestEndOfARefusedSession: what the connector has refused it need not be told the end of.
func TestEndOfARefusedSession(t *testing.T) {
	closed := eventD(proto.UDPEvent{Session: 42, Kind: proto.EventClosed})
	for name, c := range map[string]struct {
		said proto.UDPEvent
		want []byte
	}{
		"registered": {proto.UDPEvent{Session: 42, Kind: proto.EventRegistered}, closed},
		"refused":    {proto.UDPEvent{Session: 42, Kind: proto.EventICMP, ICMPType: 3, ICMPCode: 1, TTL: 64, Reporter: router4}, nil},
	} {
		w := newWorld(t, Config{})
		w.alice.Datagram(regD(reg(alice4, server4, 5000, 9, 3)))
		w.home.Datagram(eventD(c.said))
		w.homeLink.sent = nil
		if r := w.alice.Datagram(slices.Clone(closed)); r != packet.OK || w.r.Sessions() != 0 || !slices.Equal(w.homeLink.take(t), c.want) {
			t.Errorf("%s: %v, %d sessions, or not what the connector is told", name, r, w.r.Sessions())
		}
	}
}

// TestForeignSession: an id belongs to one device, one connector, one pair of addresses.
func TestForeignSession(t *testing.T) {
	w := newWorld(t, Config{})
	w.policy.Grants[0].Who = []string{"*"}
	w.setState(t)
	if r := w.alice.Datagram(regD(reg(alice4, server4, 5000, 9, 3))); r != packet.OK {
		t.Fatal(r)
	}
	steps := []struct {
		name string
		from interface{ Datagram([]byte) packet.Reason }
		in   []byte
		want packet.Reason
	}{
		{"registration of another device", w.mallory, regD(reg(mallory, server4, 5000, 9, 3)), packet.Spoofed},
		{"payload of another device", w.mallory, payloadD(proto.UDPPayload{Session: 42, TTL: 9}), packet.Spoofed},
		{"end by another device", w.mallory, eventD(proto.UDPEvent{Session: 42, Kind: proto.EventClosed}), packet.Spoofed},
		{"another destination", w.alice, regD(reg(alice4, server4, 5001, 9, 3)), packet.Malformed},
		{"another family", w.alice, regD(reg(alice6, server6, 5000, 9, 3)), packet.Malformed},
		{"a client reports no ICMP", w.alice, eventD(proto.UDPEvent{Session: 42, Kind: proto.EventICMP, ICMPType: 3, TTL: 9, Reporter: router4}), packet.Unsupported},
		{"unknown to the connector's side", w.home, payloadD(proto.UDPPayload{Session: 43, TTL: 9}), packet.UnknownSession},
	}
	for _, s := range steps {
		if got := s.from.Datagram(s.in); got != s.want {
			t.Errorf("%s: %v, want %v", s.name, got, s.want)
		}
	}
	w.homeLink.sent = nil
	if r := w.alice.Datagram(payloadD(proto.UDPPayload{Session: 42, TTL: 9})); r != packet.OK {
		t.Errorf("the session itself: %v", r)
	}
}

func TestEventsFromConnector(t *testing.T) {
	base := proto.UDPEvent{Session: 42, Kind: proto.EventICMP, ICMPType: 3, ICMPCode: 3, TTL: 60, QuotedTTL: 1, Tag: 7, Reporter: server4}
	with := func(f func(*proto.UDPEvent)) proto.UDPEvent { e := base; f(&e); return e }
	tests := []struct {
		name   string
		in     proto.UDPEvent
		reason packet.Reason
		out    *proto.UDPEvent
		left   int // sessions afterwards
	}{
		{"registered", proto.UDPEvent{Session: 42, Kind: proto.EventRegistered}, packet.OK, &proto.UDPEvent{Session: 42, Kind: proto.EventRegistered}, 1},
		{"unknown", proto.UDPEvent{Session: 42, Kind: proto.EventUnknown}, packet.OK, &proto.UDPEvent{Session: 42, Kind: proto.EventUnknown}, 0},
		{"closed", proto.UDPEvent{Session: 42, Kind: proto.EventClosed}, packet.OK, &proto.UDPEvent{Session: 42, Kind: proto.EventClosed}, 0},
		{"icmp", base, packet.OK, func() *proto.UDPEvent { e := base; e.TTL = 59; return &e }(), 1},
		{"icmp expired", with(func(e *proto.UDPEvent) { e.TTL = 1 }), packet.TTLExpired, nil, 1},
		{"in the edge's name", with(func(e *proto.UDPEvent) { e.Reporter = hop4 }), packet.Unsolicited, nil, 1},
		{"not an error", with(func(e *proto.UDPEvent) { e.ICMPType = 0 }), packet.Unsolicited, nil, 1},
		{"another family", with(func(e *proto.UDPEvent) { e.Reporter = router6 }), packet.Unsolicited, nil, 1},
		{"denied in the edge's name", with(func(e *proto.UDPEvent) { e.Kind, e.Decision = proto.EventDenied, 7 }), packet.Unsolicited, nil, 1},
		{"unknown kind", with(func(e *proto.UDPEvent) { e.Kind = 77 }), packet.UnknownType, nil, 1},
		{"another session", with(func(e *proto.UDPEvent) { e.Session = 41 }), packet.UnknownSession, nil, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, Config{})
			w.alice.Datagram(regD(reg(alice4, server4, 5000, 9, 3)))
			if got := w.home.Datagram(eventD(tt.in)); got != tt.reason {
				t.Errorf("reason %v, want %v", got, tt.reason)
			}
			var want []byte
			if tt.out != nil {
				want = eventD(*tt.out)
			}
			if diff := cmp.Diff(want, w.aliceLink.take(t)); diff != "" {
				t.Errorf("to the client (-want +got):\n%s", diff)
			}
			if got := w.r.Sessions(); got != tt.left {
				t.Errorf("%d sessions left, want %d", got, tt.left)
			}
		})
	}
}

// A device that has not said that it reads extensions gets events and answers as before there were any.
func TestExtensionsForWhoReadsThem(t *testing.T) {
	told := proto.UDPEvent{
		Session: 42, Kind: proto.EventICMP, ICMPType: 11, TTL: 60, QuotedTTL: 1, Tag: 7, Reporter: router4,
		Extension: "\x20\x00\xa4\xea", Quoted: 32,
	}
	for _, reads := range []bool{false, true} {
		w := newWorld(t, Config{})
		w.alice.ReadsExtensions(reads)
		w.alice.Datagram(regD(reg(alice4, server4, 5000, 9, 3)))
		w.home.Datagram(eventD(told))
		want := told
		want.TTL = 59
		if !reads {
			want.Extension, want.Quoted = "", 0
		}
		if diff := cmp.Diff(eventD(want), w.aliceLink.take(t)); diff != "" {
			t.Errorf("reads %v (-want +got):\n%s", reads, diff)
		}
	}
}

// TestSessionFollowsItsConnector: a reconnect keeps the session, a loss asks for a new registration.
func TestSessionFollowsItsConnector(t *testing.T) {
	w := newWorld(t, Config{})
	w.alice.Datagram(regD(reg(alice4, server4, 5000, 9, 3)))
	second := &fakeLink{max: 1400, settled: true}
	again, err := w.r.AttachConnector("r-home", second)
	if err != nil {
		t.Fatal(err)
	}
	if !w.homeLink.closed || w.homeLink.code != proto.CodeReplaced {
		t.Errorf("older link closed %v with %v, want replaced", w.homeLink.closed, w.homeLink.code)
	}
	w.home.Detach() // the older one; must not detach the newer
	if r := w.alice.Datagram(payloadD(proto.UDPPayload{Session: 42, TTL: 9})); r != packet.OK || second.take(t) == nil {
		t.Fatalf("after a reconnect: %v", r)
	}
	again.Detach()
	if r := w.alice.Datagram(payloadD(proto.UDPPayload{Session: 42, TTL: 9})); r != packet.ConnectorDown {
		t.Fatalf("without a connector: %v", r)
	}
	if e := parseEvent(t, w.aliceLink.take(t)); e.Kind != proto.EventUnknown {
		t.Errorf("answer %+v, want unknown", e)
	}
	if r := w.alice.Datagram(regD(reg(alice4, server4, 5000, 9, 3))); r != packet.ConnectorDown {
		t.Errorf("registration without a connector: %v", r)
	}
}

// TestChangeEndsSessions: policy, route and revocation are looked at once for what lives.
func TestChangeEndsSessions(t *testing.T) {
	start := func(t *testing.T) *world {
		w := newWorld(t, Config{})
		w.alice.Datagram(regD(reg(alice4, server4, 5000, 9, 3)))
		w.homeLink.sent, w.homeLink.classes = nil, nil
		return w
	}
	closed := eventD(proto.UDPEvent{Session: 42, Kind: proto.EventClosed})
	t.Run("nothing changed", func(t *testing.T) {
		w := start(t)
		w.setState(t)
		if w.r.Sessions() != 1 || w.aliceLink.take(t) != nil {
			t.Error("a session that is still allowed was ended")
		}
	})
	t.Run("policy", func(t *testing.T) {
		w := start(t)
		w.policy.Grants[0].How = []string{"icmp"}
		w.setState(t)
		if w.r.Sessions() != 0 || !slices.Equal(w.aliceLink.take(t), closed) || !slices.Equal(w.homeLink.take(t), closed) {
			t.Error("the session lives on")
		}
	})
	t.Run("route", func(t *testing.T) {
		w := start(t)
		w.routes = append(w.routes, w.routes[0])
		w.routes[0].Tunnel, w.routes[4].Tunnel = "t-home", "t-empty"
		w.setState(t)
		if w.r.Sessions() != 0 || !slices.Equal(w.aliceLink.take(t), closed) {
			t.Error("the session lives on")
		}
	})
	t.Run("revoked device", func(t *testing.T) {
		w := start(t)
		w.setState(t, "d-alice")
		if !w.aliceLink.closed || w.aliceLink.code != proto.CodeRevoked || w.r.Sessions() != 0 {
			t.Errorf("closed %v with %v, %d sessions", w.aliceLink.closed, w.aliceLink.code, w.r.Sessions())
		}
		if r := w.alice.Datagram(regD(reg(alice4, server4, 5000, 9, 3))); r != packet.Spoofed {
			t.Errorf("a packet still under way: %v", r)
		}
		if _, err := w.r.AttachDevice("d-alice", &fakeLink{}); err == nil {
			t.Error("a revoked device was attached")
		}
	})
	t.Run("revoked connector", func(t *testing.T) {
		w := start(t)
		w.setState(t, "r-home")
		if !w.homeLink.closed || w.homeLink.code != proto.CodeRevoked {
			t.Errorf("closed %v with %v", w.homeLink.closed, w.homeLink.code)
		}
		if r := w.alice.Datagram(echo(packet.Echo{Src: alice4, Dst: server4, TTL: 9})); r != packet.ConnectorDown {
			t.Errorf("afterwards: %v", r)
		}
	})
}

func TestSessionClass(t *testing.T) {
	w := newWorld(t, Config{})
	w.alice.Datagram(regD(reg(alice4, server4, 5000, 9, 3)))
	w.alice.Datagram(payloadD(proto.UDPPayload{Session: 42, TTL: 9, Payload: make([]byte, 1200)}))
	w.alice.Datagram(payloadD(proto.UDPPayload{Session: 42, TTL: 9, Payload: make([]byte, 10)}))
	if want := []link.Class{link.Interactive, link.Bulk, link.Bulk}; !slices.Equal(w.homeLink.classes, want) {
		t.Errorf("classes %v, want %v", w.homeLink.classes, want)
	}
}

// TestIdleIsLimited: a client that asks for 18 hours gets what the configuration says, here and at
// the connector.
func TestIdleIsLimited(t *testing.T) {
	for _, c := range []struct{ limit, asked, passed uint16 }{
		{0, 65535, 300}, {0, 301, 300}, {0, 300, 300}, {0, 200, 200}, {0, 10, 10}, {0, 0, 0}, {900, 65535, 900}, {60, 65535, 120},
	} {
		w := newWorld(t, Config{Idle: c.limit})
		r := reg(alice4, server4, 5000, 9, 3)
		r.Idle = c.asked
		for range 2 { // a registration that is repeated is no way around it
			if got := w.alice.Datagram(regD(r)); got != packet.OK {
				t.Fatal(got)
			}
			want := r
			want.Idle, want.TTL = c.passed, 8
			if diff := cmp.Diff(regD(want), w.homeLink.take(t)); diff != "" {
				t.Errorf("limit %d, asked %d (-want +got):\n%s", c.limit, c.asked, diff)
			}
		}
		if got, want := w.r.sessions.get(42).idle, hop.SessionIdle(c.passed, c.limit); got != want {
			t.Errorf("limit %d, asked %d: ends after %v, want %v", c.limit, c.asked, got, want)
		}
	}
}

func TestSessionsAreBounded(t *testing.T) {
	w := newWorld(t, Config{})
	w.r.sessions = newSessions(100, 3)
	for i := range 5 {
		r := reg(alice4, server4, 5000, 9, 3)
		r.Session = proto.SessionID(i + 1)
		want := packet.OK
		if i >= 3 {
			want = packet.TableFull
		}
		if got := w.alice.Datagram(regD(r)); got != want {
			t.Errorf("session %d: %v, want %v", i, got, want)
		}
	}
	if e := parseEvent(t, w.aliceLink.sent[0]); e.ICMPType != 3 || e.ICMPCode != 1 || len(w.aliceLink.sent) != 2 {
		t.Errorf("answered %+v and %d in all, want two host unreachable", e, len(w.aliceLink.sent))
	}
}

// TestIdleSessionsEnd: the edge keeps a session as long as its two ends do, and
// a little longer (RFC 4787 REQ-5).
func TestIdleSessionsEnd(t *testing.T) {
	tests := []struct {
		name     string
		port     uint16
		up, down int // payloads after the one of the registration
		idle     time.Duration
	}{
		{"no DNS", 5000, 0, 1, 5 * time.Minute},
		{"DNS without reply", 53, 0, 0, 5 * time.Minute},
		{"DNS exchange", 53, 0, 1, 30 * time.Second},
		{"two requests", 53, 1, 1, 5 * time.Minute},
		{"two replies", 53, 0, 2, 5 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, Config{})
				done := make(chan error, 1)
				go func() { done <- w.r.Run(t.Context()) }()
				w.alice.Datagram(regD(reg(alice4, server4, tt.port, 9, 3)))
				for range tt.up {
					w.alice.Datagram(payloadD(proto.UDPPayload{Session: 42, TTL: 9}))
				}
				for range tt.down {
					w.home.Datagram(payloadD(proto.UDPPayload{Session: 42, TTL: 9}))
				}
				time.Sleep(tt.idle + graceIdle - time.Second)
				synctest.Wait()
				if got := w.r.Sessions(); got != 1 {
					t.Errorf("%d sessions before the time is up", got)
				}
				time.Sleep(sweepEvery + 2*time.Second)
				synctest.Wait()
				if got := w.r.Sessions(); got != 0 {
					t.Errorf("%d sessions after the time is up", got)
				}
			})
		})
	}
}
