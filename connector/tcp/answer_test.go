package tcp

import (
	"net/netip"
	"testing"

	"github.com/oneping/oneping/proto"
)

var (
	router = netip.MustParseAddr("10.0.0.9")
	self   = netip.MustParseAddr("172.16.10.100")
	server = netip.MustParseAddrPort("172.16.10.120:22")
)

func testDialer() *Dialer {
	return &Dialer{cfg: Config{
		Own: func(a netip.Addr) bool { return a == self },
		LastTTL: func(a netip.Addr) uint8 {
			if a == server.Addr() {
				return 60
			}
			return 0
		},
	}}
}

func TestReported(t *testing.T) {
	h := proto.FlowHeader{Dst: server, TTL: 62}
	for name, c := range map[string]struct {
		r    report
		want proto.FlowAnswer
	}{
		"time exceeded": {
			report{from: router, typ: 11, ttl: 63},
			proto.FlowAnswer{Kind: proto.AnswerICMP, ICMPType: 11, TTL: 62, QuotedTTL: 1, Reporter: router},
		},
		"prohibited": {
			report{from: router, typ: 3, code: 13, ttl: 253},
			proto.FlowAnswer{Kind: proto.AnswerICMP, ICMPType: 3, ICMPCode: 13, TTL: 252, QuotedTTL: 58, Reporter: router},
		},
		"too big": {
			report{from: router, typ: 3, code: 4, ttl: 64, mtu: 1400},
			proto.FlowAnswer{Kind: proto.AnswerICMP, ICMPType: 3, ICMPCode: 4, TTL: 63, QuotedTTL: 61, MTU: 1400, Reporter: router},
		},
		"this host": {
			report{from: self, typ: 3, code: 1, ttl: 64},
			proto.FlowAnswer{Kind: proto.AnswerICMP, ICMPType: 3, ICMPCode: 1, TTL: 64, QuotedTTL: 61, Reporter: self},
		},
		"TTL unknown": {
			report{from: router, typ: 3, code: 1},
			proto.FlowAnswer{Kind: proto.AnswerICMP, ICMPType: 3, ICMPCode: 1, TTL: 63, QuotedTTL: 60, Reporter: router},
		},
		"expires here": {report{from: router, typ: 3, code: 1, ttl: 1}, proto.FlowAnswer{Kind: proto.AnswerSilent}},
	} {
		if got := testDialer().reported(h, &c.r); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestSynAckTTL(t *testing.T) {
	for _, c := range []struct {
		dst  netip.Addr
		seen uint8
		want uint8
	}{
		{server.Addr(), 62, 61}, // told by the socket
		{server.Addr(), 0, 59},  // the last that was heard
		{router, 0, 63},         // never heard: as if next to us
		{self, 0, 64},           // this host itself
	} {
		h := proto.FlowHeader{Dst: netip.AddrPortFrom(c.dst, 22)}
		if got := testDialer().synAckTTL(h, c.seen); got != c.want {
			t.Errorf("%v, seen %d: %d, want %d", c.dst, c.seen, got, c.want)
		}
	}
}
