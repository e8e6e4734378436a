package udp

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

func TestRegistrationCarriesAPayload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		for range 2 { // idempotent: the second one finds the session
			if r := b.register(1, client, server, "hello"); r != packet.OK {
				t.Fatal(r)
			}
		}
		p, again := b.left(), b.left()
		if p.TTL != 61 || string(p.Payload()) != "hello" || p.SrcPort != again.SrcPort || b.Len() != 1 {
			t.Errorf("left %+v and %+v, %d sessions", p, again, b.Len())
		}
		registered := proto.UDPEvent{Session: 1, Kind: proto.EventRegistered, Tag: 1}
		if len(b.events) != 2 || b.events[0] != registered || b.events[1] != registered {
			t.Errorf("events %+v", b.events)
		}
		b.answer(p, "hi")
		if len(b.payloads) != 1 || b.payloads[0].TTL != 59 || b.payloads[0].Class != 0x48 || string(b.payloads[0].Payload) != "hi" {
			t.Errorf("payloads %+v", b.payloads)
		}
	})
}

func TestSessionBelongsToItsSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		b.register(1, client, server, "hello")
		for _, thief := range [][2]netip.AddrPort{{netip.MustParseAddrPort("100.96.0.9:5000"), server}, {client, dns}} {
			if r := b.register(1, thief[0], thief[1], "mine"); r != packet.Spoofed {
				t.Errorf("%v: %v, want spoofed", thief, r)
			}
		}
		if len(b.events) != 1 {
			t.Errorf("events %+v", b.events)
		}
	})
}

func TestUnknownSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		if r := b.Payload(&proto.UDPPayload{Session: 404, Tag: 9, TTL: 62}); r != packet.UnknownSession {
			t.Error(r)
		}
		if want := (proto.UDPEvent{Session: 404, Kind: proto.EventUnknown, Tag: 9}); len(b.events) != 1 || b.events[0] != want {
			t.Errorf("events %+v", b.events)
		}
	})
}

func TestErrorsOfThisHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{MaxPerClient: 1})
		b.register(1, client, server, "hello")
		b.answer(b.left(), "hello")
		b.events = nil
		loop := netip.MustParseAddrPort("127.0.0.1:53")
		for i, c := range []struct {
			reg       proto.UDPRegistration
			reason    packet.Reason
			typ, code uint8
			quoted    uint8
		}{
			{proto.UDPRegistration{Session: 1, Src: client, Dst: server, TTL: 1}, packet.TTLExpired, 11, 0, 1},
			{proto.UDPRegistration{Session: 2, Src: client, Dst: loop, TTL: 62}, packet.Forbidden, 3, 13, 62},
			{proto.UDPRegistration{Session: 2, Src: client, Dst: dns, TTL: 62}, packet.TableFull, 3, 1, 62},
		} {
			c.reg.Tag = uint16(i)
			if r := b.Register(&c.reg); r != c.reason {
				t.Errorf("%d: %v, want %v", i, r, c.reason)
			}
			want := proto.UDPEvent{
				Session: c.reg.Session, Kind: proto.EventICMP, Tag: c.reg.Tag, ICMPType: c.typ, ICMPCode: c.code,
				TTL: 64, QuotedTTL: c.quoted, Reporter: self,
			}
			if got := b.events[len(b.events)-1]; got != want {
				t.Errorf("%d: %+v, want %+v", i, got, want)
			}
		}
	})
}

// A sweep opens a session for each address. It leaves the client's sessions that are answered
// alone, and is told which of its own have ended.
func TestSweepMakesRoomForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{MaxPerClient: 3})
		b.register(1, client, server, "hello")
		b.answer(b.left(), "hello")
		b.events = nil
		for id := range proto.SessionID(5) {
			to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{172, 17, 0, byte(id)}), 9)
			if r := b.register(100+id, client, to, "anybody?"); r != packet.OK {
				t.Fatalf("address %d: %v", id, r)
			}
		}
		var closed []proto.SessionID
		for _, e := range b.events {
			if e.Kind == proto.EventClosed {
				closed = append(closed, e.Session)
			}
		}
		if want := []proto.SessionID{100, 101, 102}; !slices.Equal(closed, want) || b.counters.Get(packet.Superseded) != 3 {
			t.Errorf("closed %v, want %v; counted %v", closed, want, b.counters.Snapshot())
		}
		if r := b.Payload(&proto.UDPPayload{Session: 1, TTL: 62}); r != packet.OK {
			t.Errorf("the answered session: %v", r)
		}
	})
}

// clientAt returns the address and port of another client.
func clientAt(n byte, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{100, 96, 0, n}), port)
}

// Two clients have all sessions, each of them answered. Whoever comes gets in, up to the same
// share; who loses a session to it is told.
func TestSessionsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{MaxSessions: 20})
		id := proto.SessionID(0)
		open := func(n byte) packet.Reason {
			id++
			r := b.register(id, clientAt(n, uint16(5000+id)), server, "hello")
			if r == packet.OK {
				b.answer(b.left(), "hello")
			}
			time.Sleep(time.Second)
			return r
		}
		for range 10 {
			open(1)
			open(2)
		}
		b.events = nil
		for i := range 6 {
			if r := open(3); r != packet.OK {
				t.Errorf("newcomer %d: %v", i, r)
			}
			for n := range byte(2) {
				if r := open(n + 1); r != packet.TableFull {
					t.Errorf("client %d, at its share: %v", n+1, r)
				}
			}
		}
		if r := open(3); r != packet.TableFull {
			t.Errorf("a newcomer beyond its share: %v", r)
		}
		ended := map[proto.SessionID]bool{}
		for _, e := range b.events {
			if e.Kind == proto.EventClosed {
				ended[e.Session] = true
			}
		}
		// The hogs' oldest, in turn: which of them has most when both have as many is not said.
		if len(ended) != 6 || !ended[1] || !ended[2] || !ended[3] || !ended[4] || b.Len() != 20 || b.counters.Get(packet.Superseded) != 6 {
			t.Errorf("%v ended, %d live, counted %v", ended, b.Len(), b.counters.Snapshot())
		}
	})
}

// The sessions of a device that has ended go at once, with their sockets; nobody is left to be
// told.
func TestEndClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		b.register(1, clientAt(1, 5000), server, "hello")
		b.answer(b.left(), "hello")
		b.register(2, clientAt(1, 5001), server, "hello")
		b.register(3, clientAt(2, 5000), server, "hello")
		b.events = nil
		b.EndClient(clientAt(1, 0).Addr())
		if b.Len() != 1 || len(b.wire.open) != 1 || len(b.events) != 0 {
			t.Errorf("%d sessions, events %v", b.Len(), b.events)
		}
		if r := b.Payload(&proto.UDPPayload{Session: 1, TTL: 62}); r != packet.UnknownSession {
			t.Errorf("a payload of it: %v", r)
		}
		if r := b.Payload(&proto.UDPPayload{Session: 3, TTL: 62}); r != packet.OK {
			t.Errorf("another client's: %v", r)
		}
	})
}

func TestErrorOfARouter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		b.register(1, client, server, "hello")
		p := b.left()
		b.events = nil
		for _, e := range []packet.Error{
			{Src: router, Type: 11, TTL: 63}, {Src: router, Type: 3, Code: 4, TTL: 63, MTU: 1400}, {Src: self, Type: 3, Code: 1, TTL: 64}, {Src: router, Type: 3, Code: 13, TTL: 1},
		} {
			b.fails(p, e)
		}
		want := []proto.UDPEvent{
			{Session: 1, Kind: proto.EventICMP, Tag: 1, ICMPType: 11, TTL: 62, QuotedTTL: 1, Reporter: router},
			{Session: 1, Kind: proto.EventICMP, Tag: 1, ICMPType: 3, ICMPCode: 4, TTL: 62, QuotedTTL: 60, MTU: 1400, Reporter: router},
			{Session: 1, Kind: proto.EventICMP, Tag: 1, ICMPType: 3, ICMPCode: 1, TTL: 64, QuotedTTL: 61, Reporter: self},
		}
		if len(b.events) != len(want) {
			t.Fatalf("events %+v", b.events)
		}
		for i := range want {
			if b.events[i] != want[i] {
				t.Errorf("event %d: %+v, want %+v", i, b.events[i], want[i])
			}
		}
		if b.counters.Get(packet.TTLExpired) != 1 {
			t.Errorf("counted %v", b.counters.Snapshot())
		}
	})
}

// The extension of an error goes to an edge that reads it, and to no other.
func TestExtensionOfARouter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		b.register(1, client, server, "hello")
		p := b.left()
		x := packet.Extension{Raw: "\x20\x00\xa4\xea", Quoted: 32}
		for _, reads := range []bool{false, true} {
			b.events = nil
			b.TellExtensions(reads)
			b.fails(p, packet.Error{Src: router, Type: 11, TTL: 63, Extension: x})
			want := proto.UDPEvent{Session: 1, Kind: proto.EventICMP, Tag: 1, ICMPType: 11, TTL: 62, QuotedTTL: 1, Reporter: router}
			if reads {
				want.Extension, want.Quoted = x.Raw, x.Quoted
			}
			if len(b.events) != 1 || b.events[0] != want {
				t.Errorf("reads %v: events %+v, want %+v", reads, b.events, want)
			}
		}
	})
}

func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		b.register(1, client, server, "kept by payloads")
		b.register(2, client, server, "idle")
		b.Register(&proto.UDPRegistration{Session: 3, Src: client, Dst: server, TTL: 62, Idle: 1}) // not under two minutes
		b.events = nil
		alive := func(want ...proto.SessionID) {
			t.Helper()
			if b.Len() != len(want) {
				t.Errorf("%v: %d sessions, want %v", time.Now(), b.Len(), want)
			}
			for _, id := range want {
				if _, ok := b.table.Get(id); !ok {
					t.Errorf("session %v has ended", id)
				}
			}
		}
		time.Sleep(hop.MinIdle - time.Second)
		alive(1, 2, 3)
		b.Payload(&proto.UDPPayload{Session: 1, TTL: 62})
		time.Sleep(7 * time.Second)
		alive(1, 2)
		time.Sleep(hop.DefaultIdle - hop.MinIdle)
		alive(1)
		time.Sleep(hop.MinIdle)
		alive()
		want := []proto.SessionID{3, 2, 1}
		if len(b.events) != len(want) {
			t.Fatalf("events %+v", b.events)
		}
		for i, id := range want {
			if b.events[i] != (proto.UDPEvent{Kind: proto.EventClosed, Session: id}) {
				t.Errorf("event %d: %+v", i, b.events[i])
			}
		}
	})
}

// A client asks for 18 hours and gets what the edge says.
func TestIdleIsLimited(t *testing.T) {
	for _, c := range []struct {
		said uint16
		want time.Duration
	}{{0, hop.DefaultIdle}, {600, 600 * time.Second}, {1, hop.MinIdle}} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, Config{})
			b.LimitIdle(c.said)
			b.Register(&proto.UDPRegistration{Session: 1, Src: client, Dst: server, TTL: 62, Idle: 65535})
			time.Sleep(c.want - time.Second)
			if b.Len() != 1 {
				t.Errorf("the edge says %d: it ended before %v", c.said, c.want)
			}
			time.Sleep(7 * time.Second)
			if b.Len() != 0 {
				t.Errorf("the edge says %d: it lives after %v", c.said, c.want)
			}
		})
	}
}

func TestIdleDNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		b.register(1, client, dns, "one question")
		one := b.left()
		b.register(2, client, dns, "first question")
		two := b.left()
		b.answer(one, "answer")
		b.answer(two, "answer")
		b.register(3, client, dns, "question")
		three := b.left()
		b.answer(three, "answer")
		b.answer(three, "another answer")
		b.Payload(&proto.UDPPayload{Session: 2, TTL: 62, Payload: []byte("second question")})
		time.Sleep(hop.DNSIdle + 6*time.Second)
		if _, ok := b.table.Get(1); ok || b.Len() != 2 {
			t.Errorf("%d sessions, want those with two questions and with two answers", b.Len())
		}
	})
}

func TestClosedByTheEdge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		b.register(1, client, server, "hello")
		if r := b.Closed(1); r != packet.OK || b.Len() != 0 {
			t.Errorf("%v, %d sessions", r, b.Len())
		}
		if r := b.Closed(1); r != packet.UnknownSession {
			t.Errorf("twice: %v", r)
		}
	})
}
