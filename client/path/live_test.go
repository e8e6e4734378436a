package path

import (
	"bytes"
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oneping/oneping/internal/flow"
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

// A segment of an open connection shows wishes of its application beside its bytes: another traffic
// class, and a keep-alive, which asks for the far end after as long as nothing was said. Only what
// is new is told.
func TestSegmentsShowWishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTCPBed(t)
		conn := b.connected(false)
		f := flow.New(nil, &conn.header, nil)
		conn.held.live.flow = f
		send := func(seq uint32, tos, flags uint8, data string) outcome {
			t.Helper()
			raw := segment(t, false, 1000, seq, 64, flags)
			raw[1] = tos
			raw = append(raw, data...)
			raw[3] += byte(len(data))
			raw[10], raw[11] = 0, 0
			binary.BigEndian.PutUint16(raw[10:], packet.Checksum(raw[:20], 0))
			return b.table.out(mustParseLoose(t, raw), time.Now(), true)
		}
		const ack = packet.FlagACK
		for _, c := range []struct {
			name  string
			after time.Duration
			seq   uint32
			tos   uint8
			flags uint8
			data  string
			class bool
			idle  uint16
		}{
			{name: "the handshake's end", seq: 2, flags: ack},
			{name: "data", seq: 2, flags: ack, data: "abc"},
			{name: "its acknowledgement of ours", seq: 5, flags: ack},
			{name: "a keep-alive", after: 75 * time.Second, seq: 4, flags: ack, idle: 75},
			{name: "the next one", after: 75 * time.Second, seq: 4, flags: ack, idle: 75},
			{name: "an answer to the stack's keep-alive", after: 60 * time.Second, seq: 5, flags: ack},
			{name: "another one of the host", after: 15 * time.Second, seq: 4, flags: ack, idle: 75},
			{name: "one of a day", after: 24 * time.Hour, seq: 4, flags: ack, data: "c", idle: 65535},
			{name: "an old segment, again", seq: 2, flags: ack, data: "abc"},
			{name: "at once", seq: 4, flags: ack, idle: 1},
			{name: "another class", seq: 5, tos: 0xb8, flags: ack, data: "d", class: true},
			{name: "the same", seq: 6, tos: 0xb8, flags: ack, data: "e"},
			{name: "marked by ECN", seq: 7, tos: 0xba, flags: ack, data: "f"},
			{name: "a keep-alive of the first class", seq: 7, flags: ack, class: true, idle: 1},
			{name: "FIN", seq: 8, flags: ack | packet.FlagFIN},
		} {
			time.Sleep(c.after)
			o := send(c.seq, c.tos, c.flags, c.data)
			if told := o.flow != nil; o.reason != packet.OK || o.local() == nil || o.idle != c.idle || told != (c.class || c.idle > 0) || told && o.tos != c.tos&^3 {
				t.Errorf("%s: %+v", c.name, o)
			}
		}
	})
}
