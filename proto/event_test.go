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
