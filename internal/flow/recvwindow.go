package flow

import "time"

const (
	// firstWindow is what a new flow's sender may have under way, in bytes; smallestWindow where
	// memory is tight.
	firstWindow    = 64 << 10
	smallestWindow = 16 << 10
	// largestWindow is 1 Gbit/s at 130 ms.
	largestWindow = 16 << 20
	// grantEvery is how many bytes are handed on at most before that is acknowledged.
	grantEvery = 256 << 10
	// windowTime is the least time that a window is made to cover: goroutines and batches wait for
	// each other that long on a busy machine, however short the path is.
	windowTime = 20 * time.Millisecond
)

// recvWindow decides how much the sender of a flow may have under way: what it was granted has room
// here. It grows while the sender has to wait for it, so that it comes to cover twice what the
// reader takes in a round trip of the path, and no more (as Linux sizes receive buffers,
// tcp_rcv_space_adjust). It holds no lock: the flow does.
type recvWindow struct {
	holding  *Holding
	size     uint64 // bytes beyond what has been handed on
	limit    uint64 // offset granted; never taken back
	received uint64 // offset
	handed   uint64 // offset handed on to the reader

	// blockedAt is the limit at which the sender said that it waits, 0 = none; askedAt is when it
	// was granted more, zero where that has not been or is forgotten.
	blockedAt uint64
	askedAt   time.Time
	grants    [8]grant // the newest, of which the n-th is in grants[n%8]
	n         int
	rtt       time.Duration // least seen between granting more and receiving it
	// since and from are when and at which offset handed on the measurement of the reader's rate
	// began.
	since time.Time
	from  uint64
}

// grant is a limit and when it was told.
type grant struct {
	limit uint64
	at    time.Time
}

func (w *recvWindow) init(h *Holding, now time.Time) {
	w.holding, w.size, w.since = h, firstWindow, now
	if h.tight() {
		w.size = smallestWindow
	}
	h.promise(int(w.size))
	w.limit = w.size
}

// receive counts n bytes that arrived; false: the sender was not granted them.
func (w *recvWindow) receive(n int, now time.Time) bool {
	w.received += uint64(n)
	if w.blockedAt != 0 && w.received > w.blockedAt {
		w.measure(now)
	}
	return w.received <= w.limit
}

// block notes that the sender waits at the limit at. It is granted more when bytes are handed on.
func (w *recvWindow) block(at uint64) {
	if at == w.received { // all that it had credit for is here
		w.blockedAt, w.askedAt = at, w.grantedBeyond(at)
	}
}

// grantedBeyond returns when the sender was first granted more than at.
func (w *recvWindow) grantedBeyond(at uint64) (when time.Time) {
	least := w.limit + 1
	for _, g := range w.grants {
		if g.limit > at && g.limit < least {
			least, when = g.limit, g.at
		}
	}
	if w.n > len(w.grants) && least == w.grants[w.n%len(w.grants)].limit {
		return time.Time{} // the oldest that is known: there may have been one before it
	}
	return when
}

// measure looks at what came of granting more, and grows the window where that was too little.
func (w *recvWindow) measure(now time.Time) {
	if rtt := now.Sub(w.askedAt); !w.askedAt.IsZero() && (w.rtt == 0 || rtt < w.rtt) {
		w.rtt = rtt
	}
	took := max(now.Sub(w.since), time.Microsecond)
	wanted := 2 * float64(w.handed-w.from) * float64(max(w.rtt, windowTime)) / float64(took)
	if float64(w.size) < wanted && w.size < largestWindow && w.holding.grow(int(w.size)) {
		w.size *= 2
	}
	w.blockedAt, w.askedAt = 0, time.Time{}
	w.since, w.from = now, w.handed
}

// handOn counts n bytes that the reader has taken, and returns the new limit where the sender is to
// be told.
func (w *recvWindow) handOn(n int, now time.Time) (limit uint64, due bool) {
	w.handed += uint64(n)
	if w.holding.tight() && w.size > smallestWindow {
		w.holding.promise(-int(w.size / 2))
		w.size /= 2
	}
	next := w.handed + w.size
	if next < w.limit || next-w.limit < min(w.size/4, grantEvery) {
		return 0, false
	}
	if w.blockedAt == w.limit {
		w.askedAt = now
	}
	w.limit = next
	w.grants[w.n%len(w.grants)] = grant{next, now}
	w.n++
	return next, true
}
