package link

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lossSamples is how many reports the loss that is shown goes back: a minute.
	lossSamples = int(time.Minute / reportEvery)
	// maxMissed bounds what may lie between two marks of a peer that tells the truth: they are
	// markEvery apart, and a lost one makes it two.
	maxMissed = 1 << 32
)

// Loss is what was sent in one direction within the last minute and how much of it never came.
//
// It is counted where it arrives, exactly and without probes: a mark (see window) says how many
// datagrams its sender has sent, and the receiver knows how many it has fetched. A batch counts as
// one datagram, and as one more for each eight that travel in it. The receiver's count is known to
// the sender by a report.
type Loss struct {
	Datagrams uint64 `json:"datagrams"`
	Lost      uint64 `json:"lost"`
}

// String says it for people: "19 % (28 of 148)".
func (l Loss) String() string {
	switch percent := 100 * float64(l.Lost) / float64(max(l.Datagrams, 1)); {
	case l.Datagrams == 0:
		return "not known"
	case percent > 0 && percent < 1:
		return fmt.Sprintf("%.1f %% (%d of %d)", max(percent, 0.1), l.Lost, l.Datagrams)
	default:
		return fmt.Sprintf("%.0f %% (%d of %d)", percent, l.Lost, l.Datagrams)
	}
}

// since returns what l has more than before.
func (l Loss) since(before Loss) Loss {
	if l.Datagrams < before.Datagrams {
		return Loss{}
	}
	d := Loss{Datagrams: l.Datagrams - before.Datagrams}
	if l.Lost > before.Lost {
		d.Lost = min(l.Lost-before.Lost, d.Datagrams)
	}
	return d
}

// inflow counts what comes in between the peer's marks. Its receiver alone calls note and take.
type inflow struct {
	mark uint64 // the newest
	got  uint64 // since, as the sender counts: window.note

	sent    atomic.Uint64
	missing atomic.Int64 // for a moment below zero where a mark has overtaken what was sent before it
}

// note counts a datagram that carries n.
func (a *inflow) note(n int) { a.got += measure(n) }

// take compares with what the peer says it has sent.
func (a *inflow) take(mark uint64) {
	switch missed := mark - a.mark; {
	case mark <= a.mark: // overtaken by a newer one
		return
	case a.mark != 0 && missed < maxMissed:
		a.sent.Add(missed)
		a.missing.Add(int64(missed) - int64(a.got))
	}
	a.mark, a.got = mark, 0
}

// total is what there was since the link began.
func (a *inflow) total() Loss {
	l := Loss{Datagrams: a.sent.Load()}
	l.Lost = min(uint64(max(a.missing.Load(), 0)), l.Datagrams)
	return l
}

// losses is the loss of both directions, with what it was in the last minute.
type losses struct {
	in inflow

	mu sync.Mutex
	// guarded by mu:
	out  Loss // as the peer said it last
	past [lossSamples]bothWays
	next int // in past
}

type bothWays struct{ in, out Loss }

// heard takes what the peer says of our datagrams.
func (l *losses) heard(out Loss) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out = out
}

// sample begins another part of the minute.
func (l *losses) sample() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.past[l.next] = bothWays{l.in.total(), l.out}
	l.next = (l.next + 1) % lossSamples
}

// lately returns the loss of the last minute.
func (l *losses) lately() (in, out Loss) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.past[l.next] // the oldest
	return l.in.total().since(before.in), l.out.since(before.out)
}
