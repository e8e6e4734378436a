package hop

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

var (
	alice4  = netip.MustParseAddr("100.96.0.1")
	alice6  = netip.MustParseAddr("fd00:96::1")
	edge4   = netip.MustParseAddr("172.68.101.57")
	router4 = netip.MustParseAddr("10.1.1.1")
	byAddr  = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
)

// Each kind of error, in both families, says the same as a packet, as an event and as an answer.
func TestEncodings(t *testing.T) {
	for kind := packet.TimeExceeded; kind <= packet.UnknownOption; kind++ {
		for _, from := range []netip.Addr{edge4, edge6} {
			v6 := from.Is6()
			typ, code := kind.TypeCode(v6)
			v := packet.Verdict{Reason: packet.TTLExpired, Answer: kind}
			if kind == packet.TooBig {
				v.MTU = 1399
			}
			r := Refuse(v, from, 9)
			r.Decision = 77
			r.Error.Extension = packet.Extension{Raw: "\x20\x00\xa4\xea", Quoted: 32}
			if r.Silent() || r.Reason != packet.TTLExpired {
				t.Fatalf("%+v", r)
			}

			e := r.Event(42, 7)
			want := proto.UDPEvent{
				Session: 42, Tag: 7, Kind: proto.EventDenied, Decision: 77, ICMPType: typ, ICMPCode: code,
				TTL: 64, QuotedTTL: 9, MTU: uint16(v.MTU), Reporter: from,
				Extension: "\x20\x00\xa4\xea", Quoted: 32,
			}
			if diff := cmp.Diff(want, e, byAddr); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
			if r.Decision = 0; r.Event(42, 7).Kind != proto.EventICMP {
				t.Error("an event of no decision is a denial")
			}
			r.Decision = 77

			a := r.Answer()
			wantAnswer := proto.FlowAnswer{
				Kind: proto.AnswerICMP, Decision: 77, ICMPType: typ, ICMPCode: code,
				TTL: 64, QuotedTTL: 9, MTU: uint16(v.MTU), Reporter: from,
				Extension: "\x20\x00\xa4\xea", Quoted: 32,
			}
			if kind == packet.PortUnreachable {
				wantAnswer = proto.FlowAnswer{Kind: proto.AnswerRefused, TTL: 64, QuotedTTL: 9}
			}
			if diff := cmp.Diff(wantAnswer, a, byAddr); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}

			for name, back := range map[string]Refusal{"event": OfEvent(&e), "answer": OfAnswer(&a)} {
				if name == "answer" && kind == packet.PortUnreachable {
					continue // a reset is no ICMP error
				}
				back.Error.MTU, back.Error.Pointer = v.MTU, 0 // one field on the wire
				back.Reason = r.Reason
				back.closed = r.closed
				if diff := cmp.Diff(r, back, byAddr, cmp.AllowUnexported(Refusal{})); diff != "" {
					t.Errorf("read back from the %s (-want +got):\n%s", name, diff)
				}
			}
			if bare := r.Bare(); bare.Event(1, 2).Extension != "" || bare.Answer().Extension != "" || r.Error.Extension.Raw == "" {
				t.Errorf("bare: %+v of %+v", bare, r)
			}
			samePacket(t, &r, v6)
		}
	}
}

// samePacket makes the packet of r about an echo request of another TTL and reads it.
func samePacket(t *testing.T, r *Refusal, v6 bool) {
	t.Helper()
	echo := packet.Echo{Src: alice4, Dst: server4, TTL: 30, Ident: 5, Seq: 6, Payload: []byte("x")}
	if v6 {
		echo.Src, echo.Dst = alice6, server6
	}
	var orig, p, q packet.Packet
	if reason := packet.Parse(packet.AppendEcho(nil, &echo), &orig); reason != packet.OK {
		t.Fatal(reason)
	}
	b, ok := r.AppendPacket([]byte{1}, &orig)
	if !ok || packet.Parse(b[1:], &p) != packet.OK || !p.Quoted(&q) {
		t.Fatalf("packet %x of %+v", b, r)
	}
	if p.Src != r.Error.Src || p.Dst != echo.Src || p.Type != r.Error.Type || p.Code != r.Error.Code || p.TTL != 64 || p.MTU() != r.Error.MTU {
		t.Errorf("packet %+v of %+v", p, r)
	}
	if q.TTL != 9 || q.Src != echo.Src || q.Dst != echo.Dst || q.Ident != 5 {
		t.Errorf("quotes %+v", q)
	}
}

func TestSilentRefusal(t *testing.T) {
	for name, r := range map[string]Refusal{
		"no address": Refuse(packet.Verdict{Reason: packet.NoRoute, Answer: packet.NetUnreachable}, netip.Addr{}, 9),
		"no answer":  Refuse(packet.Verdict{Reason: packet.NoRoute}, edge4, 9),
	} {
		r.Decision = 3
		if want := (proto.FlowAnswer{Kind: proto.AnswerSilent, Decision: 3}); !r.Silent() || r.Answer() != want || r.Reason != packet.NoRoute {
			t.Errorf("%s: %+v, answer %+v", name, r, r.Answer())
		}
		var orig packet.Packet
		packet.Parse(packet.AppendEcho(nil, &packet.Echo{Src: alice4, Dst: server4}), &orig)
		if b, ok := r.AppendPacket(nil, &orig); ok || len(b) != 0 {
			t.Errorf("%s: packet %x", name, b)
		}
	}
}

// A network's port unreachable is an ICMP error, for TCP too: only a hop's own is a reset.
func TestHeard(t *testing.T) {
	e := packet.Error{Src: server4, Type: 3, Code: 3, TTL: 62}
	r, ok := Heard(e, server4, 10, false)
	want := proto.FlowAnswer{Kind: proto.AnswerICMP, ICMPType: 3, ICMPCode: 3, TTL: 61, QuotedTTL: 7, Reporter: server4}
	if !ok || r.Answer() != want || r.Reason != packet.Unreachable {
		t.Errorf("%+v, %v", r, ok)
	}
	e = packet.Error{Src: router4, Type: 12, TTL: 1, Pointer: 20}
	if _, ok := Heard(e, server4, 10, false); ok {
		t.Error("one that expires here went on")
	}
	if r, ok = Heard(e, server4, 10, true); !ok || r.Error.TTL != 1 || r.Event(1, 2).MTU != 20 {
		t.Errorf("our own kernel's: %+v, %v", r, ok)
	}
}

func TestBackTTL(t *testing.T) {
	for _, c := range []struct {
		ttl  uint8
		own  bool
		want uint8
		ok   bool
	}{{0, false, 63, true}, {1, false, 0, false}, {2, false, 1, true}, {255, false, 254, true}, {0, true, 64, true}, {1, true, 1, true}} {
		if got, ok := BackTTL(c.ttl, c.own); got != c.want || ok != c.ok {
			t.Errorf("BackTTL(%d, %v) = %d, %v; want %d, %v", c.ttl, c.own, got, ok, c.want, c.ok)
		}
	}
}
