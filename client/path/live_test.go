package path

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// connected returns the opening of a connection that the stack has taken, by a SYN of isn 1.
func (b *tcpBed) connected(v6 bool) *opening {
	b.t.Helper()
	b.held(synPacket(b.t, v6, 1000, 1, 64))
	o := b.opening()
	b.reply(o, proto.FlowAnswer{Kind: proto.AnswerConnected})
	return o
}

// The host uses addresses and ports again at once, while the far end of their last connection is
// still being told of its end: the SYN opens the next one, and its end is its own.
func TestPortsAreUsedAgainAtOnce(t *testing.T) {
	for name, flags := range map[string]uint8{"reset": packet.FlagRST, "closed": packet.FlagFIN | packet.FlagACK} {
		synctest.Test(t, func(t *testing.T) {
			b := newTCPBed(t)
			first := b.connected(false)
			again := synPacket(t, false, 1000, 9, 64)
			if r, local := b.send(again); r != packet.OK || !local { // the stack's to answer
				t.Errorf("%s: a SYN into an open connection: %s, local %v", name, r, local)
			}
			if r, local := b.send(segment(t, false, 1000, 2, 64, flags)); r != packet.OK || !local {
				t.Errorf("%s: %s, local %v", name, r, local)
			}
			if r, local := b.send(synPacket(t, false, 1000, 1, 64)); r != packet.OK || !local {
				t.Errorf("%s: an old copy of its own SYN: %s, local %v", name, r, local)
			}
			b.held(again)
			second := b.opening()
			// What is left of the first makes the host reset it, and that is not about the second.
			b.held(segment(t, false, 1000, 2, 64, packet.FlagRST))
			b.finish(first)
			if held, live := b.table.counts(); held != 1 || live != 0 {
				t.Fatalf("%s: %d held, %d live", name, held, live)
			}
			b.reply(second, proto.FlowAnswer{Kind: proto.AnswerConnected})
			b.finish(first) // late
			if _, live := b.table.counts(); live != 1 || !bytes.Equal(second.syn, again) {
				t.Errorf("%s: %d live, carried by %x", name, live, second.syn)
			}
			b.finish(second)
			if _, live := b.table.counts(); live != 0 {
				t.Errorf("%s: still live", name)
			}
		})
	}
}

// A segment of an open connection that would expire at the edge does not reach its far end; the
// edge's name is on the answer, which quotes it.
func TestSegmentOfAnOpenConnectionExpires(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := newTCPBed(t)
			o := newOutbound(newSessions(1), newAsked(), b.table)
			conn := b.connected(v6)
			for _, when := range []string{"open", "ended"} {
				for ttl, expires := range map[uint8]bool{1: true, 2: false} {
					raw := segment(t, v6, 1000, 2, ttl, packet.FlagACK)
					d := o.step(raw, time.Now(), upView(0))
					if !expires {
						if d.reason != packet.OK || !bytes.Equal(d.local(), raw) {
							t.Errorf("%s, TTL %d: %+v", when, ttl, d)
						}
						continue
					}
					if d.reason != packet.TTLExpired || d.local() != nil {
						t.Fatalf("%s, TTL %d: %+v", when, ttl, d)
					}
					wantError(t, d.back(), packet.TimeExceeded, raw, 0)
				}
				b.finish(conn)
			}
			if r := o.step(segment(t, v6, 1000, 2, 1, packet.FlagFIN), time.Now(), upView(0)); r.reason != packet.TTLExpired {
				t.Errorf("FIN: %s", r.reason)
			}
		})
	}
}
