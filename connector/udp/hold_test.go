package udp

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// probe sends a payload with a TTL; its tag is the TTL.
func (b *bench) probe(ttl uint8, payload string) {
	b.t.Helper()
	if r := b.Payload(&proto.UDPPayload{Session: 1, Tag: uint16(ttl), TTL: ttl, Payload: []byte(payload)}); r != packet.OK {
		b.t.Fatalf("TTL %d: %v", ttl, r)
	}
}

// ttls returns the TTLs of what has left since the last call.
func (b *bench) ttls() (all []uint8) {
	synctest.Wait()
	for {
		select {
		case raw := <-b.wire.sent:
			all = append(all, raw[8])
		default:
			return all
		}
	}
}

// wantLeft compares the TTLs with which packets left since the last call.
func (b *bench) wantLeft(what string, want ...uint8) {
	b.t.Helper()
	if got := b.ttls(); !slices.Equal(got, want) {
		b.t.Errorf("%s: left with TTL %v, want %v", what, got, want)
	}
}

// expired lets a router say that the probe which left with ttl has expired.
func (b *bench) expired(ttl uint8, payload string) {
	b.t.Helper()
	b.fails(b.packetOf(payload), packet.Error{Src: router, Type: packet.TypeTimeExceeded, TTL: 64 - ttl})
}

// packetOf returns a packet of session 1 as it arrives somewhere.
func (b *bench) packetOf(payload string) (p packet.Packet) {
	b.t.Helper()
	raw := packet.AppendUDP(nil, &packet.UDPPacket{Src: netip.AddrPortFrom(self, b.port), Dst: server, TTL: 1, Payload: []byte(payload)})
	if r := packet.Parse(raw, &p); r != packet.OK {
		b.t.Fatal(r)
	}
	return p
}

// open registers session 1 with a payload that nothing is equal to.
func (b *bench) open() {
	b.t.Helper()
	if r := b.register(1, client, server, "hello"); r != packet.OK {
		b.t.Fatal(r)
	}
	b.port = b.left().SrcPort
	b.events = nil
}

// tags returns the tags of the events so far.
func (b *bench) tags() (all []uint16) {
	for _, e := range b.events {
		all = append(all, e.Tag)
	}
	return all
}

// Equal payloads, one burst: each leaves when the one before it has been
// answered, and each error names its own probe.
func TestEqualProbesGoOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		b.open()
		for ttl := uint8(2); ttl <= 5; ttl++ {
			b.probe(ttl, "probe")
		}
		b.wantLeft("a burst", 1)
		for ttl := uint8(1); ttl <= 3; ttl++ {
			time.Sleep(20 * time.Millisecond)
			b.expired(ttl, "probe")
			b.wantLeft("after an answer", ttl+1)
		}
		b.expired(4, "probe")
		if got := b.tags(); !slices.Equal(got, []uint16{2, 3, 4, 5}) {
			t.Errorf("errors name %v", got)
		}
		if all := b.waiting.all(); len(all) != 0 || b.waiting.bytes != 0 {
			t.Errorf("still waiting: %d sessions, %d bytes", len(all), b.waiting.bytes)
		}
	})
}

// A silent hop costs half a second, later three times the slowest answer.
func TestProbesDoNotWaitForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		b.open()
		for ttl := uint8(2); ttl <= 4; ttl++ {
			b.probe(ttl, "probe")
		}
		b.wantLeft("a burst", 1)
		time.Sleep(firstPatience - holdTick)
		b.wantLeft("too early")
		time.Sleep(3 * holdTick)
		b.wantLeft("a silent hop", 2)
		time.Sleep(40 * time.Millisecond)
		b.expired(2, "probe") // after 40 ms and a tick: the next is waited for some 150 ms
		b.wantLeft("answered", 3)
		b.probe(5, "probe")
		time.Sleep(100 * time.Millisecond)
		b.wantLeft("too early again")
		time.Sleep(10 * holdTick)
		b.wantLeft("another silent hop", 4)
	})
}

// What is not a probe is never late.
func TestOrdinaryTrafficDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		b.open()
		for range 3 { // counters and logs: the same line again and again, and no answer ever
			b.probe(62, "hits:1|c")
		}
		b.wantLeft("equal payloads of one TTL", 61, 61, 61)
		b.probe(2, "probe")
		b.probe(3, "probe")
		b.probe(62, "something else")
		b.wantLeft("another payload", 1, 61)
		b.answer(b.packetOf("probe"), "reply")
		b.wantLeft("the destination answers", 2)
	})
}

func TestHeldProbesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		b.open()
		full := 0
		for i := range maxHeld + 11 { // the first leaves, ten are too many
			if b.Payload(&proto.UDPPayload{Session: 1, Tag: 1, TTL: uint8(2 + i%2), Payload: []byte("probe")}) == packet.QueueFull {
				full++
			}
		}
		if full != 10 {
			t.Errorf("%d refused, want 10", full)
		}
		b.Closed(1)
		if b.waiting.bytes != 0 || len(b.waiting.all()) != 0 {
			t.Errorf("the session has ended and %d bytes wait", b.waiting.bytes)
		}
	})
}
