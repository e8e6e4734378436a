package link

import (
	"testing"
	"testing/synctest"
	"time"
)

func newWindow() *window {
	w := &window{}
	w.init()
	return w
}

// fillUp counts datagrams until w is full, 100,000 at most, and returns how many, and the last
// mark.
func (w *window) fillUp() (n int, mark uint64) {
	for ; n < 100_000 && !w.full(); n++ {
		if m := w.note(1); m != 0 {
			mark = m
		}
	}
	return n, mark
}

func TestAWindowOpensWithTheMarks(t *testing.T) {
	w := newWindow()
	first := w.begin()
	if first == 0 || w.full() {
		t.Fatalf("first mark %d, full: %v", first, w.full())
	}
	if n, _ := w.fillUp(); n != 100_000 {
		t.Errorf("full after %d, although the peer may not know marks", n)
	}
	w = newWindow()
	w.pass(w.begin(), time.Now(), 0)
	n, mark := w.fillUp()
	if n != leastWindow {
		t.Errorf("full after %d, want %d", n, leastWindow)
	}
	w.pass(mark+1, time.Now(), 0)
	if !w.full() {
		t.Error("a mark that was not sent opens it")
	}
	w.pass(mark, time.Now(), 0)
	if n, _ := w.fillUp(); n != leastWindow {
		t.Errorf("%d more after the last mark, want %d", n, leastWindow)
	}
	w.pass(mark, time.Now(), 0)
	if !w.full() {
		t.Error("an old mark opens it")
	}
	w.giveUp()
	if n, _ := w.fillUp(); n != leastWindow {
		t.Errorf("%d more after giving up, want %d", n, leastWindow)
	}
}

func TestSmallDatagramsCountInABatch(t *testing.T) {
	w := newWindow()
	w.pass(w.begin(), time.Now(), 0)
	n := 0
	for ; !w.full(); n++ {
		w.note(15)
	}
	if n != leastWindow/2 {
		t.Errorf("full after %d batches of 15, want %d", n, leastWindow/2)
	}
}

// A long path's window grows while answers come in time, as far as its round trip allows, and
// shrinks when they do not; it never gets too small for the path.
func TestAWindowFollowsThePath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rtt = 20 * time.Millisecond
		w := newWindow()
		w.pass(w.begin(), time.Now().Add(rtt), rtt)
		round := func(took time.Duration) int {
			n, mark := w.fillUp()
			time.Sleep(took)
			w.pass(mark, time.Now(), rtt)
			return n
		}
		const least, most = leastWindow + 20*leastRate, leastWindow + 20*mostRate
		if n := round(rtt); n != least {
			t.Errorf("began with %d, want %d", n, least)
		}
		for range 10 {
			round(rtt)
		}
		if w.size != most {
			t.Errorf("grew to %d, want %d", w.size, most)
		}
		for range 10 {
			round(10 * rtt)
		}
		if w.size != least {
			t.Errorf("shrank to %d, want %d", w.size, least)
		}
	})
}

func TestWindowDoesNotAllocate(t *testing.T) {
	w := newWindow()
	if n := testing.AllocsPerRun(10_000, func() {
		if m := w.note(1); m != 0 {
			w.pass(m, time.Now(), time.Millisecond)
		}
		w.full()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
