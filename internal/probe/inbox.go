package probe

import (
	"sync"
	"time"
)

// maxHeard bounds what goroutines may hear before the engine fetches it; more is lost, as in a full
// socket.
const maxHeard = 4096

// inbox holds what goroutines have heard until the engine fetches it. Its methods are safe for concurrent
// use.
type inbox struct {
	news chan struct{} // one is waiting

	mu sync.Mutex
	// guarded by mu:
	heard []Answer
}

func newInbox() *inbox { return &inbox{news: make(chan struct{}, 1)} }

// hear takes an answer, and dates it.
func (b *inbox) hear(a Answer) {
	a.At = time.Now()
	b.mu.Lock()
	if len(b.heard) < maxHeard {
		b.heard = append(b.heard, a)
	}
	b.mu.Unlock()
	b.Wake()
}

// Wake ends the Receive of now, or else the next one.
func (b *inbox) Wake() {
	select {
	case b.news <- struct{}{}:
	default:
	}
}

// Receive returns what has been heard, and waits for it until a moment (zero: without end) or Wake.
func (b *inbox) Receive(until time.Time) ([]Answer, error) {
	var late <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-b.news:
	case <-late:
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	heard := b.heard
	b.heard = nil
	return heard, nil
}
