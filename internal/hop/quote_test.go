package hop

import (
	"net/netip"
	"testing"

	"github.com/oneping/oneping/proto/packet"
)

var (
	server4 = netip.MustParseAddr("172.16.10.120")
	server6 = netip.MustParseAddr("fd10::120")
	edge6   = netip.MustParseAddr("fd00:0:1::57")
)

// What each reporter of a row laptop - edge - we - r1 - r2 - server saw of a packet that
// reached us with TTL 10.
func TestQuotedTTL(t *testing.T) {
	r2, self := netip.MustParseAddr("172.16.11.2"), netip.MustParseAddr("172.16.10.100")
	for _, c := range []struct {
		name      string
		from, dst netip.Addr
		typ, code uint8
		back      uint8
		own       bool
		want      uint8
	}{
		{"expired", r2, server4, 11, 0, 63, false, 1},
		{"not reassembled", server4, server4, 11, 1, 62, false, 7},
		{"no route", r2, server4, 3, 0, 63, false, 8},
		{"too big", r2, server4, 3, 4, 63, false, 8},
		{"nobody there", r2, server4, 3, 1, 63, false, 7},
		{"filtered by a router", r2, server4, 3, 13, 63, false, 7},
		{"rejected by the server", server4, server4, 3, 13, 62, false, 7},
		{"closed port", server4, server4, 3, 3, 62, false, 7},
		{"sender's TTL 255", server4, server4, 3, 3, 253, false, 7},
		{"unknown TTL", server4, server4, 3, 3, 0, false, 9},
		{"our own port", self, self, 3, 3, 64, true, 10},
		{"nobody there, says our kernel", self, server4, 3, 1, 64, true, 9},
		{"IPv6 expired", edge6, server6, 3, 0, 63, false, 1},
		{"IPv6 nobody there", edge6, server6, 1, 3, 63, false, 7},
		{"IPv6 no route", edge6, server6, 1, 0, 63, false, 8},
		{"farther than it can be", r2, server4, 3, 3, 30, false, 1},
	} {
		e := packet.Error{Src: c.from, Type: c.typ, Code: c.code, TTL: c.back}
		if got := QuotedTTL(&e, c.dst, 10, c.own); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	for ttl, want := range map[uint8]uint8{0: 1, 1: 1, 2: 1, 3: 1, 4: 2} {
		if got := QuotedTTL(&packet.Error{Src: server4, Type: 3, Code: 3, TTL: 63}, server4, ttl, false); got != want {
			t.Errorf("TTL %d: %d, want %d", ttl, got, want)
		}
	}
}
