package udp

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// Probes of one five-tuple with equal payload and different TTLs (a Paris traceroute) get errors
// that the kernel shows alike: of what the router quoted it keeps the payload alone. So they go out
// one at a time, each when the one before it has been answered or has waited long enough. Nothing
// else waits: packets that differ in their payload, packets of one TTL, sessions whose destination
// answers.
const (
	maxHeld      = 128     // packets of a session that wait
	maxHeldBytes = 1 << 20 // of all sessions
	holdTick     = 10 * time.Millisecond
)

// How long the next probe waits for the answer to the one before it: three times the slowest answer
// of the session, within bounds, as traceroute waits itself (-w MAX,HERE); firstPatience while
// there was none.
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

// patience returns how long an answer to a packet of s is waited for; s is locked.
func (s *Session) patience() time.Duration {
	if s.slowest == 0 {
		return firstPatience
	}
	return min(max(3*s.slowest, minPatience), maxPatience)
}

// awaitedSince returns from when on packets of s still await their answers; s is locked.
func (s *Session) awaitedSince(now time.Time) time.Duration { return now.Sub(s.began) - s.patience() }

// tookFor notes how long an error about a packet of s took; s is locked. What takes longer than
// anything is waited for came from elsewhere: a dead neighbour is reported after three seconds.
func (s *Session) tookFor(d time.Duration) {
	if d <= maxPatience {
		s.slowest = max(s.slowest, d)
	}
}

// mustWait says whether a packet goes out later; s is locked.
func (s *Session) mustWait(p *proto.UDPPayload, now time.Time) bool {
	twin := func(h held) bool { return len(h.Payload) == len(p.Payload) && string(h.Payload) == string(p.Payload) }
	return s.ring.confuses(p.TTL, p.Payload, s.awaitedSince(now)) || len(s.held) > 0 && slices.ContainsFunc(s.held, twin)
}

// hold keeps a packet for later; s is locked.
func (t *Sessions) hold(s *Session, ttl uint8, p *proto.UDPPayload) packet.Reason {
	if len(s.held) >= maxHeld || !t.waiting.take(s, len(p.Payload)) {
		return packet.QueueFull
	}
	h := held{ttl: ttl, UDPPayload: *p}
	h.Payload = append([]byte(nil), p.Payload...) // the datagram's memory is reused
	s.held = append(s.held, h)
	return packet.OK
}

// Advance sends what has waited for an answer that has come, or long enough; s is locked. Who reads
// the socket calls it when he has read.
func (s *Session) Advance() {
	if len(s.held) > 0 {
		s.advance(time.Now())
	}
}

func (s *Session) advance(now time.Time) {
	for i := 0; i < len(s.held); {
		h := s.held[i]
		if s.ring.confuses(h.TTL, h.Payload, s.awaitedSince(now)) {
			i++
			continue
		}
		s.held = slices.Delete(s.held, i, i+1)
		s.of.waiting.give(s, len(h.Payload), len(s.held) == 0)
		if v := s.send(now, h.ttl, &h.UDPPayload); v.Reason != packet.OK {
			s.of.cfg.Back.Count(s.of.refuse(s, &h.UDPPayload, v))
		}
	}
}

// refuse tells the client what v says about its packet p, which has waited, and returns the reason
// to count.
func (t *Sessions) refuse(s *Session, p *proto.UDPPayload, v packet.Verdict) packet.Reason {
	w := t.cfg.Host.Way(s.dst.Addr())
	r := t.cfg.Host.Refuse(&w, s.src.Addr(), p.TTL, v)
	return t.Refused(s.src.Addr(), s.id, p.Tag, &r)
}

// forgetHeld drops what waits, at the end of a session; s is locked.
func (t *Sessions) forgetHeld(s *Session) {
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
					s.advance(now)
					s.mu.Unlock()
				}
			}
		}
	}
}

// waiting is the sessions with packets that wait. Safe for concurrent use.
type waiting struct {
	some chan struct{} // has one element when a session has been added

	// guarded by mu
	mu       sync.Mutex
	bytes    int
	sessions map[*Session]struct{}
}

func newWaiting() *waiting {
	return &waiting{some: make(chan struct{}, 1), sessions: make(map[*Session]struct{})}
}

// take makes room for n bytes of s; false where there is none.
func (w *waiting) take(s *Session, n int) bool {
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
func (w *waiting) give(s *Session, n int, last bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bytes -= n
	if last {
		delete(w.sessions, s)
	}
}

func (w *waiting) all() []*Session {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]*Session, 0, len(w.sessions))
	for s := range w.sessions {
		all = append(all, s)
	}
	return all
}
