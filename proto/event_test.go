package proto

import (
	"errors"
	"net/netip"
	"testing"
)

const goldenEvent4 = `
	04                       # type: UDP event
	04                       # kind: ICMP error
	03 04                    # fragmentation needed
	3e                       # TTL of the error
	01                       # quoted TTL
	0578                     # MTU 1400
	0007                     # tag
	00 00                    # flags, reserved
	1122334455667788         # session
	0000000000000000         # no decision
	ac100a64                 # reporter 172.16.10.100`

const goldenEvent6 = `
	04                       # type: UDP event
	05                       # kind: denied
	01 01                    # administratively prohibited
	40                       # TTL
	00                       # quoted TTL unknown
	0000                     # no MTU
	ffff                     # tag
	01 00                    # flags: IPv6; reserved
	0000000000000001         # session
	00000000000000aa         # decision
	fd00000000010000 0000000000000057 # reporter fd00:0:1::57`

const goldenEventBare = `
	04                       # type: UDP event
	01                       # kind: registered
	00 00 00 00 0000         # no ICMP, no TTL, no MTU
	0003                     # tag
	00 00                    # flags, reserved
	0000000000000009         # session
	0000000000000000         # no decision; no reporter`

const goldenEventExtended = `
	04                       # type: UDP event
	04                       # kind: ICMP error
	0b 00                    # time exceeded
	3e                       # TTL of the error
	01                       # quoted TTL
	0000                     # no MTU
	0007                     # tag
	04                       # flags: extension
	20                       # 32 words quoted
	1122334455667788         # session
	0000000000000000         # no decision
	ac100a64                 # reporter 172.16.10.100
	2000c413 000c0101 05dc1401 00010101 # MPLS labels`

// extension is that of the golden messages.
const extension = "\x20\x00\xc4\x13\x00\x0c\x01\x01\x05\xdc\x14\x01\x00\x01\x01\x01"

func TestUDPEventGolden(t *testing.T) {
	for _, c := range []struct {
		name, golden string
		want         UDPEvent
	}{
		{"ICMP error", goldenEvent4, UDPEvent{
			Session: 0x1122334455667788, Kind: EventICMP, ICMPType: 3, ICMPCode: 4, TTL: 62, QuotedTTL: 1,
			MTU: 1400, Tag: 7, Reporter: netip.MustParseAddr("172.16.10.100"),
		}},
		{"denied", goldenEvent6, UDPEvent{
			Session: 1, Decision: 0xaa, Kind: EventDenied, ICMPType: 1, ICMPCode: 1, TTL: 64, Tag: 0xffff,
			Reporter: netip.MustParseAddr("fd00:0:1::57"),
		}},
		{"extended", goldenEventExtended, UDPEvent{
			Session: 0x1122334455667788, Kind: EventICMP, ICMPType: 11, TTL: 62, QuotedTTL: 1, Tag: 7,
			Reporter: netip.MustParseAddr("172.16.10.100"), Extension: extension, Quoted: 32,
		}},
		{"registered", goldenEventBare, UDPEvent{Session: 9, Kind: EventRegistered, Tag: 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := wire(t, c.golden)
			wantBytes(t, AppendUDPEvent(nil, &c.want), b)
			var got UDPEvent
			if err := ParseUDPEvent(b, &got); err != nil {
				t.Fatal(err)
			}
			equal(t, got, c.want)
		})
	}
}

// An event is either without a reporter or with a whole one: nothing between parses, nor does
// anything behind it.
func TestUDPEventLengths(t *testing.T) {
	for golden, lengths := range map[string]map[int]bool{
		goldenEvent4: {28: true, 32: true},
		goldenEvent6: {44: true},
	} {
		b := wire(t, golden)
		for n := range len(b) + 1 {
			if err := ParseUDPEvent(b[:n:n], new(UDPEvent)); (err == nil) != lengths[n] {
				t.Errorf("%d of %d bytes: error %v", n, len(b), err)
			}
		}
		if err := ParseUDPEvent(append(b, 0), new(UDPEvent)); !errors.Is(err, ErrMalformed) {
			t.Errorf("one byte too many: error %v, want ErrMalformed", err)
		}
	}
	mapped := wire(t, goldenEvent6)
	copy(mapped[28:], netip.MustParseAddr("::ffff:1.2.3.4").AsSlice())
	if err := ParseUDPEvent(mapped, new(UDPEvent)); !errors.Is(err, ErrMalformed) {
		t.Errorf("IPv4-mapped reporter: error %v, want ErrMalformed", err)
	}
}

// An extension has 4 to MaxExtension bytes and stands behind a reporter. For who does not read it, it
// is taken off, and what is left is what was sent before there was any.
func TestUDPEventExtension(t *testing.T) {
	b := wire(t, goldenEventExtended)
	head := len(b) - len(extension)
	for n := range len(b) + 1 {
		if err := ParseUDPEvent(b[:n:n], new(UDPEvent)); (err == nil) != (n >= head+4) {
			t.Errorf("%d of %d bytes: error %v", n, len(b), err)
		}
	}
	most := append(b[:head:head], make([]byte, MaxExtension)...)
	if err := ParseUDPEvent(most, new(UDPEvent)); err != nil {
		t.Errorf("the largest: %v", err)
	}
	if err := ParseUDPEvent(append(most, 0), new(UDPEvent)); !errors.Is(err, ErrMalformed) {
		t.Errorf("one byte too many: error %v, want ErrMalformed", err)
	}
	var e UDPEvent
	if err := ParseUDPEvent(b, &e); err != nil {
		t.Fatal(err)
	}
	bare := StripEventExtension(b, &e)
	e.Extension, e.Quoted = "", 0
	wantBytes(t, bare, AppendUDPEvent(nil, &e))
	wantBytes(t, StripEventExtension(bare, &e), bare)
}
