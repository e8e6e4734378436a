package relay

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// toldOf returns the addresses of each message about ended devices since the last call.
func toldOf(l *fakeLink) (all [][]netip.Addr) {
	for _, m := range l.control {
		if m.Ended != nil {
			all = append(all, m.Ended.Addrs)
		}
	}
	l.control = nil
	return all
}

func wantTold(t *testing.T, when string, l *fakeLink, want ...[]netip.Addr) {
	t.Helper()
	if got := toldOf(l); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%s: told of %.200s, want %v", when, fmt.Sprint(got), want)
	}
}

var alice = []netip.Addr{alice4, alice6}

// The end of a device with thousands of sessions is one message to each connector, and no datagram
// that a queue may lose.
func TestEndOfADevice(t *testing.T) {
	w := newWorld(t, Config{})
	for i := range 4096 {
		r := reg(alice4, server4, 5000, 9, 3)
		r.Session = proto.SessionID(i + 1)
		if got := w.alice.Datagram(regD(r)); got != packet.OK {
			t.Fatal(got)
		}
	}
	w.homeLink.sent = nil
	w.setState(t) // nothing has ended
	wantTold(t, "before", w.homeLink)
	w.setState(t, "d-alice")
	wantTold(t, "at once", w.homeLink, alice)
	if w.r.Sessions() != 0 || len(w.homeLink.sent) != 0 || len(w.aliceLink.sent) != 0 || !w.aliceLink.closed {
		t.Errorf("%d sessions, %d datagrams to the connector, %d to the device", w.r.Sessions(), len(w.homeLink.sent), len(w.aliceLink.sent))
	}
	if n := w.r.Counters().Get(packet.Denied); n != 4096 {
		t.Errorf("%d sessions were counted", n)
	}
	w.setState(t, "d-alice")
	wantTold(t, "when something else changes", w.homeLink)
}

// What was under way when the device ended may come behind the message: connectors are told once
// more, and that is the last time.
func TestEndingsSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		sweep := func() { w.r.sweepEndings(time.Now()) }
		w.setState(t, "d-alice")
		wantTold(t, "at once", w.homeLink, alice)
		time.Sleep(settleAfter - 1)
		w.setState(t, "d-alice", "d-mallory")
		wantTold(t, "another", w.homeLink, []netip.Addr{mallory})
		time.Sleep(2 * time.Nanosecond)
		sweep()
		wantTold(t, "first sweep", w.homeLink, append(slices.Clone(alice), mallory))
		time.Sleep(settleAfter + 1)
		sweep()
		wantTold(t, "second sweep", w.homeLink, []netip.Addr{mallory})
		sweep()
		wantTold(t, "third sweep", w.homeLink)
	})
}

// A connector that was away is told when it comes back, as long as anything of the device may live there.
func TestEndingsReachWhoWasAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{Idle: 600})
		w.home.Detach()
		w.setState(t, "d-alice")
		wantTold(t, "away", w.homeLink)
		back := func(when string, want ...[]netip.Addr) {
			t.Helper()
			w.r.sweepEndings(time.Now())
			l := &fakeLink{}
			c, err := w.r.AttachConnector("r-home", l)
			if err != nil {
				t.Fatal(err)
			}
			c.Detach()
			wantTold(t, when, l, want...)
		}
		back("at once", alice)
		time.Sleep(600*time.Second + graceIdle)
		back("after the idle time", alice)
		time.Sleep(time.Nanosecond)
		back("later")
	})
}

// Thousands of devices end while a connector's control queue has no room. Pages that did not fit
// follow, each once.
func TestEndingsAreNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{})
		const n = 2*proto.MaxEnded + 100
		var want []netip.Addr
		for i := range n {
			a := netip.AddrFrom4([4]byte{100, 97, byte(i >> 8), byte(i)})
			want = append(want, a)
			w.more = append(w.more, Device{ID: fmt.Sprint("d", i), User: "crowd", Addrs: []netip.Addr{a}})
		}
		w.setState(t)
		gone := make([]string, n)
		for i := range gone {
			gone[i] = w.more[i].ID
		}
		w.homeLink.room = -1
		w.setState(t, gone...)
		w.r.sweepEndings(time.Now())
		wantTold(t, "full", w.homeLink)
		w.homeLink.room = 1
		w.setState(t, gone...)
		first := toldOf(w.homeLink)
		w.homeLink.room = 0
		time.Sleep(settleAfter + 1)
		w.r.sweepEndings(time.Now())
		all := toldOf(w.homeLink)
		if len(first) != 1 || !slices.Equal(first[0], want[:proto.MaxEnded]) {
			t.Errorf("first page of %d", len(first))
		}
		if len(all) != 3 || !slices.Equal(slices.Concat(all...), want) {
			t.Errorf("%d pages afterwards", len(all))
		}
		w.r.sweepEndings(time.Now())
		wantTold(t, "settled", w.homeLink)
	})
}

// An address that another device has got is not named any more: its new sessions are none of the old one's.
func TestEndingsSpareANewOwner(t *testing.T) {
	w := newWorld(t, Config{})
	w.setState(t, "d-alice")
	w.homeLink.control = nil
	w.more = []Device{{ID: "d-new", User: "bob", Addrs: []netip.Addr{alice4}}}
	w.setState(t, "d-alice")
	w.r.sweepEndings(time.Now())
	wantTold(t, "sweep", w.homeLink, []netip.Addr{alice6})
}

func TestEndingsAreBounded(t *testing.T) {
	var e endings
	now := time.Now()
	for i := range 3 {
		e.add(make([]netip.Addr, maxEnded/2), now.Add(time.Duration(i)))
	}
	if len(e.list) != maxEnded || e.first != maxEnded/2 || e.before(now.Add(2)) != maxEnded {
		t.Errorf("%d remembered from %d on, the last half from %d on", len(e.list), e.first, e.before(now.Add(2)))
	}
}
