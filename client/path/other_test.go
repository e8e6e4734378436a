package path

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// otherPacket is a packet of another protocol.
func otherPacket(v6 bool, proto uint8) []byte {
	b := echoPacket(v6, true, 8)
	if v6 {
		b[6] = proto
		return b
	}
	b[9], b[10], b[11] = proto, 0, 0
	binary.BigEndian.PutUint16(b[10:], packet.Checksum(b[:20], 0))
	return b
}

// What nobody carries goes as far as the edge, whole, so that it has a hop and an answer; and what the
// edge says of it comes back, as nobody else could say it.
func TestOtherProtocolsGoToTheEdge(t *testing.T) {
	mask := packet.AppendEcho(nil, &packet.Echo{Src: laptop4, Dst: server4, Payload: make([]byte, 4)})
	mask[20] = 17
	for name, raw := range map[string][]byte{
		"GRE": otherPacket(false, 47), "ESP, IPv6": otherPacket(true, 50), "253": otherPacket(false, 253), "no next header": otherPacket(true, 59), "address mask": mask,
	} {
		o := newTestOutbound()
		d := o.step(raw, start, upView(1380))
		if d.reason != packet.OK || !bytes.Equal(d.send(), proto.AppendPacket(nil, raw)) {
			t.Errorf("%s: %+v", name, d)
			continue
		}
		p, from, about := mustParseAny(t, raw), hop4, packet.Error{Type: 3, Code: 2}
		if p.V6 {
			from, about = hop6, packet.Error{Type: 4, Code: 1, Pointer: 6}
		}
		about.Src = from
		told, ok := packet.AppendError(nil, about, p)
		back := mustParse(t, told)
		if r := o.asked.deliverable(back, upView(1380)); !ok || r != packet.OK {
			t.Errorf("%s: the edge's answer: %v", name, r)
		}
		if r := newTestOutbound().asked.deliverable(back, upView(1380)); r != packet.Unsolicited {
			t.Errorf("%s: an answer to nothing: %v", name, r)
		}
	}
}

// mustParseAny parses what has no checksum that we know.
func mustParseAny(t *testing.T, raw []byte) *packet.Packet {
	t.Helper()
	var p packet.Packet
	if r := packet.Parse(raw, &p); r != packet.OK {
		t.Fatalf("parse %x: %s", raw, r)
	}
	return &p
}

// Fragments of another protocol are put together first, as its hop is the edge.
func TestOtherProtocolInFragments(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		o, raw := newTestOutbound(), otherPacket(v6, 47)
		pieces := fragments(t, raw, 28+28*bit(v6)) // headers and 8 bytes
		if len(pieces) < 2 {
			t.Fatalf("%d pieces", len(pieces))
		}
		var last outcome
		for _, b := range pieces {
			last = o.step(b, start, upView(1380))
		}
		p := mustParseAny(t, last.send()[1:])
		if last.reason != packet.OK || p.Class != packet.ClassOther || p.Proto != 47 || !bytes.Equal(p.Transport(), mustParseAny(t, raw).Transport()) {
			t.Errorf("v6 %v: %+v", v6, p)
		}
	}
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// No more of it than the edge would answer.
func TestOtherProtocolsAreLimited(t *testing.T) {
	o, raw := newTestOutbound(), otherPacket(false, 47)
	for range errorBurst {
		if d := o.step(raw, start, upView(1380)); d.reason != packet.OK {
			t.Fatal(d.reason)
		}
	}
	if d := o.step(raw, start, upView(1380)); d.reason != packet.Unsupported || d.also != packet.RateLimited || d.to != nobody {
		t.Errorf("%+v", d)
	}
	if d := o.step(echoPacket(false, true, 8), start, upView(1380)); d.reason != packet.OK {
		t.Errorf("a ping beside it: %v", d.reason)
	}
}

// A packet of another source than this device's is refused by the client itself, of whichever protocol,
// link or none, and noted for who asks.
func TestStrangers(t *testing.T) {
	container := netip.MustParseAddr("172.17.0.2")
	for _, up := range []bool{true, false} {
		for name, raw := range map[string][]byte{
			"echo": packet.AppendEcho(nil, &packet.Echo{Src: container, Dst: server4, TTL: 1}),
			"UDP":  packet.AppendUDP(nil, &packet.UDPPacket{Src: netip.AddrPortFrom(container, 1), Dst: netip.AddrPortFrom(server4, 2)}),
			"TCP":  from(t, synPacket(t, false, 5000, 1, 64), container),
			"GRE":  from(t, otherPacket(false, 47), container),
		} {
			o, st := newTestOutbound(), upView(1380)
			st.up = up
			d := o.step(raw, start, st)
			p := mustParse(t, d.back())
			if d.reason != packet.Spoofed || p.Src != laptop4 || p.Dst != container || p.Type != 3 || p.Code != 13 {
				t.Errorf("%s, up %v: %+v, %+v", name, up, d, p)
			}
			if want := (Strangers{Count: 1, Last: container, At: start}); o.strangers != want {
				t.Errorf("%s: noted %+v", name, o.strangers)
			}
		}
	}
	six := packet.AppendEcho(nil, &packet.Echo{Src: netip.MustParseAddr("2001:db8::1"), Dst: server6})
	if d := newTestOutbound().step(six, start, upView(1380)); d.reason != packet.Spoofed || mustParse(t, d.back()).Src != laptop6 {
		t.Errorf("IPv6: %+v", d)
	}
	o := newTestOutbound()
	for range errorBurst {
		o.step(six, start, upView(1380))
	}
	if d := o.step(six, start, upView(1380)); d.reason != packet.Spoofed || d.also != packet.RateLimited || d.to != nobody {
		t.Errorf("beyond the limit: %+v", d)
	}
	before := upView(1380)
	before.addr4, before.addr6 = netip.Addr{}, netip.Addr{}
	if d := newTestOutbound().step(echoPacket(false, true, 8), start, before); d.reason != packet.OK {
		t.Errorf("before there is an address: %v", d.reason)
	}
}

// from returns a packet of IPv4 with another source.
func from(t *testing.T, raw []byte, src netip.Addr) []byte {
	t.Helper()
	b := bytes.Clone(raw)
	copy(b[12:], src.AsSlice())
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], packet.Checksum(b[:20], 0))
	return b
}
