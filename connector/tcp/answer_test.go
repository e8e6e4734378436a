package tcp

import (
	"net/netip"
	"testing"

	"github.com/oneping/oneping/connector/host/hosttest"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

var (
	router = netip.MustParseAddr("10.0.0.9")
	self   = netip.MustParseAddr("172.16.10.100")
	server = netip.MustParseAddrPort("172.16.10.120:22")
)

func testDialer() *Dialer {
	h := hosttest.New(self, new(packet.Counters))
	h.Seen(server.Addr(), 60)
	return &Dialer{cfg: Config{Host: h}}
}

func TestHeard(t *testing.T) {
	h := &proto.FlowHeader{Dst: server, TTL: 62}
	for name, c := range map[string]struct {
		e    packet.Error
		want proto.FlowAnswer
	}{
		"time exceeded": {
			packet.Error{Src: router, Type: 11, TTL: 63},
			proto.FlowAnswer{Kind: proto.AnswerICMP, ICMPType: 11, TTL: 62, QuotedTTL: 1, Reporter: router},
		},
		"prohibited": {
			packet.Error{Src: router, Type: 3, Code: 13, TTL: 253},
			proto.FlowAnswer{Kind: proto.AnswerICMP, ICMPType: 3, ICMPCode: 13, TTL: 252, QuotedTTL: 58, Reporter: router},
		},
		"too big": {
			packet.Error{Src: router, Type: 3, Code: 4, TTL: 64, MTU: 1400},
			proto.FlowAnswer{Kind: proto.AnswerICMP, ICMPType: 3, ICMPCode: 4, TTL: 63, QuotedTTL: 61, MTU: 1400, Reporter: router},
		},
		"this host": {
			packet.Error{Src: self, Type: 3, Code: 1, TTL: 64},
			proto.FlowAnswer{Kind: proto.AnswerICMP, ICMPType: 3, ICMPCode: 1, TTL: 64, QuotedTTL: 61, Reporter: self},
		},
		"TTL unknown": {
			packet.Error{Src: router, Type: 3, Code: 1},
			proto.FlowAnswer{Kind: proto.AnswerICMP, ICMPType: 3, ICMPCode: 1, TTL: 63, QuotedTTL: 60, Reporter: router},
		},
		"expires here": {packet.Error{Src: router, Type: 3, Code: 1, TTL: 1}, proto.FlowAnswer{Kind: proto.AnswerSilent}},
	} {
		if got := testDialer().heard(h, c.e); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// The extension of an error goes to an edge that reads it, and to no other.
func TestHeardExtension(t *testing.T) {
	h, x := &proto.FlowHeader{Dst: server, TTL: 62}, packet.Extension{Raw: "\x20\x00\xa4\xea", Quoted: 32}
	for _, reads := range []bool{false, true} {
		d := testDialer()
		d.TellExtensions(reads)
		want := proto.FlowAnswer{Kind: proto.AnswerICMP, ICMPType: 11, TTL: 62, QuotedTTL: 1, Reporter: router}
		if reads {
			want.Extension, want.Quoted = x.Raw, x.Quoted
		}
		if got := d.heard(h, packet.Error{Src: router, Type: 11, TTL: 63, Extension: x}); got != want {
			t.Errorf("reads %v: %+v, want %+v", reads, got, want)
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
		h := &proto.FlowHeader{Dst: netip.AddrPortFrom(c.dst, 22)}
		if got := testDialer().synAckTTL(h, c.seen); got != c.want {
			t.Errorf("%v, seen %d: %d, want %d", c.dst, c.seen, got, c.want)
		}
	}
}
