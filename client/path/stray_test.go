package path

import (
	"bytes"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// A segment of no connection is answered as its destination would answer it.
func TestStraySegments(t *testing.T) {
	const fin, syn, rst, ack = packet.FlagFIN, packet.FlagSYN, packet.FlagRST, packet.FlagACK
	connected, refused := proto.FlowAnswer{Kind: proto.AnswerConnected, TTL: 61}, proto.FlowAnswer{Kind: proto.AnswerRefused, TTL: 61}
	for _, c := range []struct {
		name    string
		flags   uint8
		answer  proto.FlowAnswer
		back    bool // a reset
		dropped bool
	}{
		{"ACK, open", ack, connected, true, true},
		{"ACK, closed", ack, refused, true, true},
		{"SYN and ACK, open", syn | ack, connected, true, true},
		{"SYN and FIN, open", syn | fin, connected, false, true},
		{"SYN and FIN, closed", syn | fin, refused, true, true},
		{"FIN, open", fin, connected, false, true},
		{"FIN, closed", fin, refused, true, true},
		{"nothing, open", 0, connected, false, true},
		{"ACK, silent", ack, proto.FlowAnswer{Kind: proto.AnswerSilent}, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTCPBed(t)
				b.held(segment(t, false, 1000, 7, 5, c.flags))
				o := b.opening()
				if o.header.TTL != 5 {
					t.Errorf("opened with TTL %d", o.header.TTL)
				}
				b.reply(o, c.answer)
				if o.dropped != c.dropped || o.syn != nil {
					t.Errorf("dropped %v, carried %v", o.dropped, o.syn != nil)
				}
				switch {
				case !c.back && len(b.back) != 0:
					t.Errorf("answered with %x", b.back)
				case c.back && len(b.back) != 1:
					t.Errorf("%d answers, want a reset", len(b.back))
				case c.back:
					p := mustParseLoose(t, b.back[0])
					if p.TCPFlags()&rst == 0 || p.TTL != 61 || p.DstPort != 1000 || !p.TransportOK() {
						t.Errorf("answered with %+v", p)
					}
				}
				if r, local := b.send(segment(t, false, 1000, 9, 5, rst)); r != packet.OK || local {
					t.Errorf("a stray reset: %v, local %v", r, local)
				}
				b.noOpening()
			})
		})
	}
}

// A router's error is about the segment.
func TestStraySegmentExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTCPBed(t)
		b.held(segment(t, false, 1000, 7, 3, packet.FlagACK))
		b.reply(b.opening(), proto.FlowAnswer{Kind: proto.AnswerICMP, ICMPType: packet.TypeTimeExceeded, TTL: 64, QuotedTTL: 1, Reporter: hop4})
		if len(b.back) != 1 {
			t.Fatalf("%d answers", len(b.back))
		}
		wantError(t, b.back[0], packet.TimeExceeded, segment(t, false, 1000, 7, 1, packet.FlagACK), 0)
	})
}

// The last segments of a connection are the netstack's for a while, also while
// the link is down; then they are a stranger's.
func TestLastSegmentsAreTheNetstacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTCPBed(t)
		b.held(synPacket(t, true, 1000, 1, 64))
		first := b.opening()
		b.reply(first, proto.FlowAnswer{Kind: proto.AnswerConnected})
		last := segment(t, true, 1000, 2, 64, packet.FlagACK)
		local := func(when string) {
			t.Helper()
			if d := b.table.out(mustParseLoose(t, last), time.Now(), false); d.reason != packet.OK || d.local() == nil {
				t.Errorf("%s: %+v", when, d)
			}
		}
		local("connected")
		b.finish(first)
		local("ended")
		b.held(synPacket(t, true, 1000, 9, 64)) // the ports are used again
		again := b.opening()
		b.reply(again, proto.FlowAnswer{Kind: proto.AnswerConnected})
		if !bytes.Equal(again.syn, synPacket(t, true, 1000, 9, 64)) {
			t.Error("the second connection was not carried")
		}
		b.finish(again)
		time.Sleep(overTime)
		b.table.expire(time.Now())
		b.held(last)
		b.opening()
	})
}

// Of the connections that have ended lately, the one that ended first makes room, and nobody else.
func TestTheOldestEndedConnectionMakesRoom(t *testing.T) {
	table, now := newHeldSYNs(8), start
	key := func(i int) tuple {
		return tuple{netip.AddrPortFrom(laptop4, 1000), netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 80)}
	}
	isOver := func(i int) bool {
		p := mustParseLoose(t, segment(t, false, 1000, 2, 64, packet.FlagACK))
		p.Dst = key(i).dst.Addr()
		_, settled := table.stray(key(i), nil, p)
		return settled
	}
	for i := range maxOver + 2 {
		want := packet.OK
		if i >= maxOver {
			want = packet.Superseded
		}
		if got := table.ended(&heldSYN{key: key(i)}, now.Add(time.Duration(i)*time.Millisecond)); got != want {
			t.Fatalf("connection %d: %s, want %s", i, got, want)
		}
	}
	if isOver(0) || isOver(1) || !isOver(2) || !isOver(3) || !isOver(maxOver+1) {
		t.Errorf("of %d and two more, remembered: the first %v, %v, the third %v, the last %v", maxOver, isOver(0), isOver(1), isOver(2), isOver(maxOver+1))
	}
	// What ended long ago makes room before the sweep has seen it, and that is not counted.
	if got := table.ended(&heldSYN{key: key(-1)}, now.Add(time.Hour)); got != packet.OK {
		t.Errorf("after an hour: %s", got)
	}
}
