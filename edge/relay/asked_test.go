package relay

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// pair is an echo request of alice, and what may come back for it.
type pair struct{ request, reply, fault []byte }

func newPair(t *testing.T, dst netip.Addr, ident uint16) pair {
	t.Helper()
	e := packet.Echo{Src: alice4, Dst: dst, Ident: ident, Seq: 1, TTL: 9, Payload: []byte("x")}
	return pair{
		request: echo(e),
		reply:   echo(packet.Echo{Src: dst, Dst: alice4, Ident: ident, Seq: 1, TTL: 61, Reply: true, Payload: []byte("x")}),
		fault:   icmpError(t, packet.Error{Src: router4, Type: 11, TTL: 60}, echo(e)),
	}
}

// back sends d from the connector and returns what became of it.
func (w *world) back(d []byte) packet.Reason { return w.home.Datagram(slices.Clone(d)) }

// A request has an answer of either kind, and a duplicate of it; nothing is passed on that was not asked
// of that address with that identifier by that device.
func TestOnlyWhatWasAskedIsAnswered(t *testing.T) {
	other := netip.MustParseAddr("172.16.10.121")
	for name, c := range map[string]struct {
		asked, answered pair
		want            []packet.Reason // of a reply, an error, and two replies more
	}{
		"asked":              {newPair(t, server4, 7), newPair(t, server4, 7), []packet.Reason{packet.OK, packet.OK, packet.Unsolicited, packet.Unsolicited}},
		"another identifier": {newPair(t, server4, 7), newPair(t, server4, 8), slices.Repeat([]packet.Reason{packet.Unsolicited}, 4)},
		"another address":    {newPair(t, server4, 7), newPair(t, other, 7), slices.Repeat([]packet.Reason{packet.Unsolicited}, 4)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Config{})
			w.ask(t, c.asked.request)
			var got []packet.Reason
			for _, d := range [][]byte{c.answered.reply, c.answered.fault, c.answered.reply, c.answered.reply} {
				got = append(got, w.back(d))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
	w := newWorld(t, Config{})
	w.ask(t, newPair(t, server4, 7).request)
	if r := w.back(echo(packet.Echo{Src: server4, Dst: mallory, Ident: 7, TTL: 61, Reply: true})); r != packet.Unsolicited {
		t.Errorf("to another device: %v", r)
	}
}

// A connector that says what nobody asked reaches no device's link, and each is counted.
func TestUnaskedAnswersReachNobody(t *testing.T) {
	w := newWorld(t, Config{})
	p := newPair(t, server4, 7)
	for range 10_000 {
		w.back(p.reply)
		w.back(p.fault)
	}
	if n := w.r.Counters().Get(packet.Unsolicited); n != 20_000 || len(w.aliceLink.sent) != 0 {
		t.Errorf("%d unsolicited, %d sent on; want 20000, 0", n, len(w.aliceLink.sent))
	}
}

// What nobody answers adds up to no more than a connector remembers.
func TestUnansweredRequestsAddUpToLittle(t *testing.T) {
	w := newWorld(t, Config{})
	w.homeLink.drop, w.aliceLink.drop = true, true
	p := newPair(t, server4, 7)
	for range 5000 {
		w.alice.Datagram(slices.Clone(p.request))
	}
	for range 5000 {
		w.back(p.reply)
	}
	if n := w.r.Counters().Get(packet.Unsolicited); n != 5000-maxAnswers {
		t.Errorf("%d were unsolicited, want %d", n, 5000-maxAnswers)
	}
}

// A request may be answered for a minute, and not for much longer.
func TestRequestsMayBeAnsweredForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.r.Run(ctx) }()
		p := newPair(t, server4, 7)
		for _, after := range []time.Duration{0, 3 * time.Second, 7 * time.Second} { // anywhere in an epoch
			time.Sleep(after)
			w.ask(t, p.request)
			time.Sleep(time.Minute - time.Second)
			if r := w.back(p.reply); r != packet.OK {
				t.Errorf("after 59 s: %v", r)
			}
			time.Sleep(11*time.Second + time.Second)
			if r := w.back(p.reply); r != packet.Unsolicited {
				t.Errorf("after 71 s: %v", r)
			}
		}
		cancel()
		<-done
	})
}

// A device that asks more than there is room for makes the oldest forgotten, its own first of all.
func TestAFullTableForgetsTheOldest(t *testing.T) {
	a := newAsked()
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
	const half = askedSets * askedWays / askedRegions / 2
	a.note(2, server4, 7)
	for i := range 3 * half {
		if i%half == 0 {
			a.sweep()
		}
		a.note(1, addr(i), 7)
	}
	answered := [3]int{}
	for i := range 3 * half {
		if a.take(1, addr(i), 7) {
			answered[i/half]++
		}
	}
	if answered[2] < half*95/100 || answered[0] > half*40/100 {
		t.Errorf("of the oldest, the middle and the newest third %v of %d may be answered", answered, half)
	}
	if !a.take(2, server4, 7) {
		t.Error("another device's request was forgotten")
	}
}

// Whoever asks at the same time: there are exactly as many answers as there is credit for.
func TestAskedByManyAtOnce(t *testing.T) {
	a := newAsked()
	var all sync.WaitGroup
	var taken atomic.Int64
	for range 4 {
		all.Go(func() {
			for range 200 {
				a.note(1, server4, 7)
			}
		})
		all.Go(func() {
			for range 2000 {
				if a.take(1, server4, 7) {
					taken.Add(1)
				}
			}
		})
	}
	all.Wait()
	for a.take(1, server4, 7) {
		taken.Add(1)
	}
	if n := taken.Load(); n != 4*200*answersEach {
		t.Errorf("%d answers, want %d", n, 4*200*answersEach)
	}
}

// Each packet of a session has an error, each registration a word that it was heard; what the
// device's packets add up to is no more than it remembers.
func TestEventsOfASessionAreAskedFor(t *testing.T) {
	fault := eventD(proto.UDPEvent{Session: 42, Kind: proto.EventICMP, ICMPType: 3, TTL: 9, Reporter: router4})
	heard := eventD(proto.UDPEvent{Session: 42, Kind: proto.EventRegistered})
	for name, c := range map[string]struct {
		payloads int
		event    []byte
		want     int
	}{
		"errors about a registration":  {0, fault, 2},
		"errors about three packets":   {2, fault, 4},
		"registered":                   {0, heard, 2},
		"errors about 10,000 payloads": {10_000, fault, maxEvents},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Config{})
			w.homeLink.drop = true
			w.alice.Datagram(regD(reg(alice4, server4, 5000, 9, 3)))
			for range c.payloads {
				w.alice.Datagram(payloadD(proto.UDPPayload{Session: 42, TTL: 9}))
			}
			for range 1000 {
				w.back(c.event)
			}
			if got := len(w.aliceLink.sent); got != c.want {
				t.Errorf("%d were passed on, want %d", got, c.want)
			}
			if n := w.r.Counters().Get(packet.Unsolicited); n != uint64(1000-c.want) {
				t.Errorf("%d unsolicited, want %d", n, 1000-c.want)
			}
		})
	}
}
