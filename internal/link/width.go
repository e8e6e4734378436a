package link

import (
	"sync"
	"time"

	"github.com/oneping/oneping/internal/term"
)

// width remembers how the path MTU of a link has changed. What is found at first is no change, and
// what is seen while the search runs is none either.
type width struct {
	mu sync.Mutex
	// guarded by mu:
	now    int
	before int       // 0 = it was always now
	since  time.Time // of now
	left   time.Time // when the path that was known was left; zero: it was not
}

// see takes the path MTU as it is.
func (w *width) see(mtu int, settled bool, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case !settled && w.now != 0 && w.left.IsZero():
		w.left = at
	case !settled:
	case w.now == 0:
		w.now = mtu
	default:
		if mtu != w.now {
			if w.left.IsZero() {
				w.left = at
			}
			w.before, w.now, w.since = w.now, mtu, w.left
		}
		w.left = time.Time{}
	}
}

// change returns what the path MTU was before, 0 for nothing, and since when it is no longer.
func (w *width) change() (before int, since time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.left.IsZero() {
		return w.now, term.Moment(w.left)
	}
	return w.before, term.Moment(w.since)
}
