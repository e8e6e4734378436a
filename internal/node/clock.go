package node

import (
	"fmt"
	"time"

	"github.com/oneping/oneping/internal/term"
)

const (
	// clockApart is from which difference on it is said that two clocks differ: what a message takes
	// on its way is much less.
	clockApart = 5 * time.Second
	// clockSet is by how much this machine's clock must have left the stopwatch for what was known of
	// the difference to be no longer true.
	clockSet = time.Minute
)

// adviceClocks is what to do where two clocks differ.
const adviceClocks = "set the clock that is wrong by the network: timedatectl set-ntp true"

// edgeClock is what a node knows of its edge's clock. The zero value knows nothing.
type edgeClock struct {
	said time.Time // by the edge; zero: nothing is known
	here time.Time // this machine's clock then
	at   time.Time // when, by the stopwatch
}

// ahead returns how far this machine's clock, which says now, is ahead of the edge's; false where
// that is not known: nothing was said, or this clock was set since.
func (c edgeClock) ahead(now time.Time) (time.Duration, bool) {
	if c.said.IsZero() || (now.Round(0).Sub(c.here.Round(0))-time.Since(c.at)).Abs() > clockSet {
		return 0, false
	}
	return c.here.Round(0).Sub(c.said), true
}

// now returns what the edge's clock says when this machine's says now; that one where nothing is known
// of the edge's. Certificates are judged by it: the edge does so.
func (c edgeClock) now(now time.Time) time.Time {
	if ahead, ok := c.ahead(now); ok {
		return now.Add(-ahead)
	}
	return now
}

// apart says in words that the clocks differ; "" where they do not, or nobody knows.
func (c edgeClock) apart(now time.Time) string {
	ahead, ok := c.ahead(now)
	if !ok || ahead.Abs() < clockApart {
		return ""
	}
	return fmt.Sprintf("this machine's clock says %s, the edge's says %s: they differ by %s",
		stamp(now), stamp(now.Add(-ahead)), term.Span(ahead.Abs().Round(time.Second)))
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// heard notes what an edge says that its clock says; zero: an edge that does not say.
func (n *Node) heard(said time.Time) {
	if said.IsZero() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.clock = edgeClock{said: said, here: n.cfg.Now(), at: time.Now()}
}
