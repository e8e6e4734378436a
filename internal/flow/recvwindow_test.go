package flow

import (
	"testing"
	"time"
)

// transfer moves bytes through a window as a sender does that always has more and says when it
// waits, over a path of rtt, to a reader of rate bytes a second, for so long. It returns the
// window's size then.
func transfer(t *testing.T, w *recvWindow, rtt time.Duration, rate float64, long time.Duration) uint64 {
	type arrival struct {
		at    time.Time
		limit uint64 // up to which it goes
	}
	now := time.Unix(0, 0)
	end := now.Add(long)
	way := []arrival{{now, w.limit}}
	arrive := func() {
		for len(way) > 0 && !way[0].at.After(now) {
			if n := int(way[0].limit - w.received); n > 0 && !w.receive(n, way[0].at) {
				t.Fatal("the window refuses what it granted")
			}
			w.block(w.received)
			way = way[1:]
		}
	}
	for now.Before(end) {
		if arrive(); w.handed == w.received {
			now = way[0].at
			continue
		}
		piece := min(w.received-w.handed, 16<<10)
		now = now.Add(time.Duration(float64(piece) / rate * float64(time.Second)))
		arrive()
		if limit, due := w.handOn(int(piece), now); due {
			way = append(way, arrival{now.Add(rtt), limit})
		}
	}
	return w.size
}

func TestWindowFollowsThePath(t *testing.T) {
	const mega = 1 << 20
	for _, c := range []struct {
		name     string
		rtt      time.Duration
		rate     float64
		from, to uint64 // of the size after some seconds
	}{
		{"a slow reader nearby", time.Millisecond, 1 * mega, firstWindow, firstWindow},
		{"a fast reader nearby", time.Millisecond, 100 * mega, 2 * mega, 8 * mega},
		{"a fast reader far away", 100 * time.Millisecond, 100 * mega, 8 * mega, largestWindow},
		{"a slow reader far away", 100 * time.Millisecond, 1 * mega, 2 * firstWindow, 8 * firstWindow},
		{"faster than any window", time.Second, 1000 * mega, largestWindow, largestWindow},
	} {
		var w recvWindow
		w.init(nil, time.Unix(0, 0))
		if size := transfer(t, &w, c.rtt, c.rate, 20*time.Second); size < c.from || size > c.to {
			t.Errorf("%s: %d KiB, want %d to %d", c.name, size>>10, c.from>>10, c.to>>10)
		}
	}
}

// The bytes of a window arrive one by one and are handed on at once: when the sender says that it
// waits, more was granted long ago. The path's round trip is known all the same.
func TestWindowGrowsWhileMoreIsOnItsWay(t *testing.T) {
	const rtt = 200 * time.Millisecond
	now := time.Unix(0, 0)
	var w recvWindow
	w.init(nil, now)
	limit, next := w.limit, w.limit
	for range 20 {
		for w.received < limit {
			piece := int(min(limit-w.received, 8<<10))
			now = now.Add(10 * time.Microsecond)
			if !w.receive(piece, now) {
				t.Fatal("the window refuses what it granted")
			}
			if l, due := w.handOn(piece, now); due {
				next = l
			}
		}
		w.block(limit)
		limit = next
		now = now.Add(rtt)
	}
	if w.size != largestWindow {
		t.Errorf("after twenty round trips %d KiB", w.size>>10)
	}
}

func TestWindowIsAPromise(t *testing.T) {
	now := time.Unix(0, 0)
	var w recvWindow
	w.init(nil, now)
	if w.limit != firstWindow || !w.receive(firstWindow, now) {
		t.Fatalf("the first window is %d", w.limit)
	}
	if w.receive(1, now) {
		t.Error("a byte beyond the limit is taken")
	}
	w.received--
	if _, due := w.handOn(firstWindow/4-1, now); due {
		t.Error("told of less than a quarter")
	}
	if limit, due := w.handOn(1, now); !due || limit != firstWindow+firstWindow/4 {
		t.Errorf("limit %d, %v", limit, due)
	}
}

// Where memory is tight a window shrinks as its bytes are handed on; what was granted stays
// granted.
func TestWindowShrinksWhenMemoryIsTight(t *testing.T) {
	now := time.Unix(0, 0)
	b := NewBudget(4 * largestWindow)
	h := b.Open("alice", addr1, addr2, nil)
	defer h.Release()
	var w recvWindow
	w.init(h, now)
	transfer(t, &w, 100*time.Millisecond, 1<<30, 10*time.Second)
	if w.size != largestWindow || b.total.Load() != largestWindow {
		t.Fatalf("size %d, %d promised", w.size, b.total.Load())
	}
	other := b.Open("bob", addr1, addr2, nil)
	defer other.Release()
	other.hold(3 * largestWindow)
	granted := w.limit
	w.receive(int(w.limit-w.received), now)
	for range 40 {
		w.handOn(64<<10, now)
	}
	if w.size != smallestWindow || w.limit < granted || b.total.Load() != 3*largestWindow+smallestWindow {
		t.Errorf("size %d, limit %d after %d, %d promised", w.size, w.limit, granted, b.total.Load())
	}
}
