package udp

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// Probes of one five-tuple with equal payload and different TTLs (a Paris traceroute) get errors that the kernel shows
// alike: of what the router quoted it keeps the payload alone. So they go out one at a time, each when the one before
// it has been answered or has waited long enough. Nothing else waits: packets that differ in their
// payload, packets of one TTL, sessions whose destination answers.
const (
	maxHeld      = 128     // packets of a session that wait
	maxHeldBytes = 1 << 20 // of all sessions
	holdTick     = 10 * time.Millisecond
)

// How long the next probe waits for the answer to the one before it: three times the slowest answer of the
// session, within bounds, as traceroute waits itself (-w MAX,HERE); firstPatience while there was none.
const (
	firstPatience = 500 * time.Millisecond
	minPatience   = 100 * time.Millisecond
	maxPatience   = time.Second
)

// held is a packet that waits, with the TTL that it will leave with.
type held struct {
	ttl uint8
	proto.UDPPayload
}

// patience returns how long an answer to a packet of s is waited for; s.mu is held.
func (s *session) patience() time.Duration {
	if s.slowest == 0 {
		return firstPatience
	}
	return min(max(3*s.slowest, minPatience), maxPatience)
}

// awaitedSince returns from when on packets of s still await their answers; s.mu is held.
func (s *session) awaitedSince(now time.Time) time.Duration { return now.Sub(s.began) - s.patience() }

// answeredIn notes how long an error about a packet of s took; s.mu is held. What takes longer than anything is waited for
// came from elsewhere: a dead neighbour is reported after three seconds.
func (s *session) answeredIn(d time.Duration) {
	if d <= maxPatience {
		s.slowest = max(s.slowest, d)
	}
}

// mustWait says whether a packet goes out later; s.mu is held.
func (s *session) mustWait(p *proto.UDPPayload, now time.Time) bool {
	twin := func(h held) bool { return len(h.Payload) == len(p.Payload) && string(h.Payload) == string(p.Payload) }
	return s.ring.confuses(p.TTL, p.Payload, s.awaitedSince(now)) || len(s.held) > 0 && slices.ContainsFunc(s.held, twin)
}

// hold keeps a packet for later; s.mu is held.
func (t *Sessions) hold(s *session, ttl uint8, p *proto.UDPPayload) packet.Reason {
	if len(s.held) >= maxHeld || !t.waiting.take(s, len(p.Payload)) {
		return packet.QueueFull
	}
	h := held{ttl: ttl, UDPPayload: *p}
	h.Payload = append([]byte(nil), p.Payload...) // the datagram's memory is reused
	s.held = append(s.held, h)
	return packet.OK
}

// advance sends what has waited for an answer that has come, or long enough; s.mu is held.
func (t *Sessions) advance(s *session, now time.Time) {
	for i := 0; i < len(s.held); {
		h := s.held[i]
		if s.ring.confuses(h.TTL, h.Payload, s.awaitedSince(now)) {
			i++
			continue
		}
		s.held = slices.Delete(s.held, i, i+1)
		t.waiting.give(s, len(h.Payload), len(s.held) == 0)
		if v := t.sendNow(s, now, h.ttl, &h.UDPPayload); v.Reason != packet.OK {
			t.cfg.Count(t.answer(s.id, s.src, s.dst, h.Tag, h.UDPPayload.TTL, v))
		}
	}
}

// forgetHeld drops what waits, at the end of a session; s.mu is held.
func (t *Sessions) forgetHeld(s *session) {
	for _, h := range s.held {
		t.waiting.give(s, len(h.Payload), true)
	}
	s.held = nil
}

// advanceAll looks after the sessions with packets that wait, until ctx ends.
func (t *Sessions) advanceAll(ctx context.Context) {
	tick := time.NewTicker(holdTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.waiting.some:
		}
		for all := t.waiting.all(); len(all) > 0 && ctx.Err() == nil; all = t.waiting.all() {
			select {
			case <-ctx.Done():
				return
			case now := <-tick.C:
				for _, s := range all {
					s.mu.Lock()
					t.advance(s, now)
					s.mu.Unlock()
				}
			}
		}
	}
}

// waiting is the sessions with packets that wait. Safe for concurrent use.
type waiting struct {
	some chan struct{} // has one element when a session has been added

	mu       sync.Mutex
	bytes    int                   // guarded by mu
	sessions map[*session]struct{} // guarded by mu
}

func newWaiting() *waiting {
	return &waiting{some: make(chan struct{}, 1), sessions: make(map[*session]struct{})}
}

// take makes room for n bytes of s; false where there is none.
func (w *waiting) take(s *session, n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.bytes+n > maxHeldBytes {
		return false
	}
	w.bytes += n
	w.sessions[s] = struct{}{}
	select {
	case w.some <- struct{}{}:
	default:
	}
	return true
}

// give returns n bytes of s, of which nothing more waits where last is set.
func (w *waiting) give(s *session, n int, last bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bytes -= n
	if last {
		delete(w.sessions, s)
	}
}

func (w *waiting) all() []*session {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]*session, 0, len(w.sessions))
	for s := range w.sessions {
		all = append(all, s)
	}
	return all
}
