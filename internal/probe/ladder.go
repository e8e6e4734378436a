package probe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/oneping/oneping/internal/advice"
)

// Trace is what a ladder climbs, and how.
type Trace struct {
	First, Most uint8  // TTLs
	Each        int    // probes of each TTL
	Window      int    // probes that wait for an answer at a time
	Port        uint16 // of the first probe
	Rising      bool   // one port more for each probe
	Payload     []byte
	Wait        Waiting
	Every       time.Duration // at least, between two probes
}

// Waiting says how long to wait for an answer. Who has heard of a probe of the same TTL waits Here
// times as long as that took, and who has heard of a later one Near times; Max in any case. 0 leaves a
// factor out.
type Waiting struct {
	Max        time.Duration
	Here, Near float64
}

// Rung is how one probe of a ladder ended.
type Rung struct {
	TTL    uint8
	Number int           // of the probe, of those of its TTL: 0 …
	Heard  bool          // false: a star
	Answer Answer        // where it was heard
	RTT    time.Duration // as above
}

// Ladder sends probes with rising TTLs until the destination, or somebody on the way, says that it
// goes no further. Each is shown in its turn.
type Ladder struct {
	trace  Trace
	sender Sender
	probes []rung
	begin  int // the first that has not been shown
	end    int // behind the last that will be
	last   time.Time
	full   time.Time // since when the kernel has had no room; zero: it has
	port   uint16
}

// rung is one probe on its way.
type rung struct {
	sent  time.Time // zero: not yet
	done  bool      // answered, or waited for long enough
	heard bool
	final bool // nothing goes on from where the answer comes from
	rtt   time.Duration
	a     Answer
}

// NewLadder returns a ladder that sends by s, which stays the caller's.
func NewLadder(t Trace, s Sender) *Ladder {
	l := &Ladder{trace: t, sender: s, probes: make([]rung, int(t.Most)*t.Each), port: t.Port}
	l.begin, l.end = (int(t.First)-1)*t.Each, len(l.probes)
	return l
}

// Run climbs and calls show with each probe in its turn. It ends behind the last, with ctx, or with the first
// error of sending or showing.
func (l *Ladder) Run(ctx context.Context, show func(Rung) error) error {
	defer context.AfterFunc(ctx, l.sender.Wake)()
	for ctx.Err() == nil {
		now := time.Now()
		if err := l.settle(now, show); err != nil || l.begin >= l.end {
			return err
		}
		wake, err := l.send(now)
		if err != nil {
			return err
		}
		answers, err := l.sender.Receive(wake)
		if err != nil {
			return err
		}
		now = time.Now()
		for i := range answers {
			l.take(answers[i], now)
		}
	}
	return context.Cause(ctx)
}

// settle shows what is done, in order, and gives up the probe whose turn it is when it has been waited
// for long enough.
func (l *Ladder) settle(now time.Time, show func(Rung) error) error {
	for ; l.begin < l.end; l.begin++ {
		p := &l.probes[l.begin]
		if !p.done && !p.sent.IsZero() && !now.Before(p.sent.Add(l.timeout(l.begin))) {
			p.done = true
			l.sender.Forget(l.seq(l.begin))
			l.pull(l.begin)
		}
		if !p.done {
			return nil
		}
		err := show(Rung{
			TTL: l.ttl(l.begin), Number: l.begin % l.trace.Each, Heard: p.heard, Answer: p.a, RTT: p.rtt,
		})
		if err != nil {
			return err
		}
		if p.final {
			l.end = min(l.end, l.hopEnd(l.begin))
		}
	}
	return nil
}

// send sends what there is room for and returns when to look again.
func (l *Ladder) send(now time.Time) (wake time.Time, err error) {
	waiting := 0
	for i := l.begin; i < l.end && waiting < l.trace.Window; i++ {
		p := &l.probes[i]
		if p.done {
			continue
		}
		if p.sent.IsZero() {
			if next := l.last.Add(l.trace.Every); l.trace.Every > 0 && next.After(now) {
				return earlier(wake, next), nil
			}
			if err := l.sendOne(i); errors.Is(err, ErrBusy) {
				if waiting == 0 && stuck(&l.full, now, stuckFor) {
					return wake, advice.With(fmt.Errorf("send: %w", err), stuckHint)
				}
				return earlier(wake, now.Add(busyFor)), nil
			} else if err != nil {
				return wake, err
			}
		}
		if i == l.begin {
			wake = p.sent.Add(l.timeout(i))
		}
		waiting++
	}
	return wake, nil
}

const (
	// busyFor is how long to wait for a kernel that has no room.
	busyFor = 10 * time.Millisecond
	// stuckFor is after which time it is not waited for any more: the queue of a device that sends
	// nothing stays full.
	stuckFor = 2 * time.Second

	stuckHint = "the queue of the device is full, and nothing leaves it: ip -s link"
)

// stuck notes in since that there was no room now, and says whether there has been none for so long.
func stuck(since *time.Time, now time.Time, long time.Duration) bool {
	if since.IsZero() {
		*since = now
	}
	return now.Sub(*since) >= long
}

func (l *Ladder) sendOne(i int) error {
	p, sent := &l.probes[i], time.Now()
	err := l.sender.Send(Packet{Seq: l.seq(i), TTL: l.ttl(i), Port: l.port, Payload: l.trace.Payload})
	if err != nil {
		return err
	}
	if l.trace.Rising {
		l.port++
	}
	p.sent, l.last, l.full = sent, sent, time.Time{}
	return nil
}

// take notes an answer.
func (l *Ladder) take(a Answer, now time.Time) {
	i := int(a.Seq) - 1
	if i < 0 || i >= len(l.probes) || a.stray() {
		return
	}
	p := &l.probes[i]
	if p.done || p.sent.IsZero() {
		return
	}
	p.done, p.heard, p.a = true, true, a
	p.rtt, p.final = a.since(p.sent, now), !a.passed()
	l.sender.Forget(a.Seq)
	if p.final {
		l.end = min(l.end, l.hopEnd(i))
	}
}

// timeout returns how long probe i is waited for.
func (l *Ladder) timeout(i int) time.Duration {
	w := l.trace.Wait
	if w.Here > 0 {
		for j := l.hop(i); j < l.hopEnd(i); j++ {
			if p := &l.probes[j]; p.heard {
				return min(w.Max, scaled(p.rtt, w.Here))
			}
		}
	}
	if w.Near > 0 {
		for j := i + 1; j < l.end && !l.probes[j].sent.IsZero(); j++ {
			if p := &l.probes[j]; p.heard {
				return min(w.Max, scaled(p.rtt, w.Near))
			}
		}
	}
	return w.Max
}

// scaled returns a multiple of a round trip, to which a millisecond is added first: the shortest ones
// say little.
func scaled(rtt time.Duration, by float64) time.Duration {
	return time.Duration(float64(rtt+time.Millisecond) * by)
}

func (l *Ladder) ttl(i int) uint8  { return uint8(i/l.trace.Each + 1) }
func (l *Ladder) seq(i int) uint16 { return uint16(i + 1) }

// hop returns the first probe with the TTL of probe i, hopEnd that behind the last.
func (l *Ladder) hop(i int) int    { return i - i%l.trace.Each }
func (l *Ladder) hopEnd(i int) int { return l.hop(i) + l.trace.Each }

// earlier returns the earlier moment; a zero one stands for none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}
