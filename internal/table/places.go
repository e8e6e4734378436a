package table

import (
	queue "container/list"
	"sync"

	"github.com/oneping/oneping/proto/packet"
)

// looks is how many entries of the largest holder are looked at to find the one that makes room.
// They are those that were let in, or looked at, longest ago: the idlest of them is among the
// idlest of all, at a price that does not grow.
const looks = 16

// Idler is something that knows when it was last used.
type Idler interface {
	// LastUsed returns when it was last used, or last moved something, in Unix nanoseconds. It is
	// called with the lock of Places held.
	LastUsed() int64
}

// Places lets entries into a table that keeps them itself, by Shares, and names the one that makes
// room. Use costs it nothing: it asks an entry when it was last used where somebody has to go. Safe
// for concurrent use.
type Places[H comparable, E Idler] struct {
	// guarded by mu
	mu     sync.Mutex
	shares *Shares[H]
	queues map[H]*holderQueues
}

// holderQueues are those of one holder, of *Place, each in the order in which they were let in or
// looked at: the entries that make room for another of the same holder, and the others.
type holderQueues struct{ tentative, kept queue.List }

func (q *holderQueues) of(tentative bool) *queue.List {
	if tentative {
		return &q.tentative
	}
	return &q.kept
}

// Place is that of one entry. Its fields are those of its Places.
type Place[H comparable, E Idler] struct {
	holder    H
	entry     E
	tentative bool
	seen      int64          // its last use when it was put into the queue
	in        *queue.Element // nil: given back
}

// NewPlaces returns limit places, of which one holder may have each; 0 = no bound.
func NewPlaces[H comparable, E Idler](limit, each int) *Places[H, E] {
	return &Places[H, E]{shares: NewShares[H](limit, each), queues: make(map[H]*holderQueues)}
}

// Add gives e a place of h. Where made is true, out has lost its own to it: the caller ends out.
// The reason is packet.TableFull, and nothing has changed, where h has its share or bound and none
// of its entries is tentative.
func (s *Places[H, E]) Add(h H, e E) (p *Place[H, E], out E, made bool, r packet.Reason) {
	return s.add(h, e, false)
}

// AddTentative is Add for an entry that makes room for another of the same holder until it is
// confirmed.
func (s *Places[H, E]) AddTentative(h H, e E) (p *Place[H, E], out E, made bool, r packet.Reason) {
	return s.add(h, e, true)
}

func (s *Places[H, E]) add(h H, e E, tentative bool) (p *Place[H, E], out E, made bool, r packet.Reason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if room := s.shares.Ask(h); room != RoomFree {
		idle := s.yields(h, room)
		if idle == nil {
			return nil, out, false, packet.TableFull
		}
		out, made = idle.entry, true
		s.remove(idle)
	}
	p = &Place[H, E]{holder: h, entry: e, tentative: tentative, seen: e.LastUsed()}
	s.queue(p)
	s.shares.Add(h)
	return p, out, made, packet.OK
}

// yields returns the place in which another entry of h may come; nil where there is none.
func (s *Places[H, E]) yields(h H, room Room) *Place[H, E] {
	switch room {
	case RoomOwn:
		return s.idlest(h, true)
	case RoomAny:
		return s.idlest(s.shares.Largest(), true)
	}
	largest := s.shares.Largest()
	if p := s.idlest(largest, true); p != nil {
		return p
	}
	return s.idlest(largest, false)
}

// queue puts p at the end of its holder's queue.
func (s *Places[H, E]) queue(p *Place[H, E]) {
	q := s.queues[p.holder]
	if q == nil {
		q = new(holderQueues)
		s.queues[p.holder] = q
	}
	p.in = q.of(p.tentative).PushBack(p)
}

// Confirm ends the time in which the entry of p makes room for another of its holder. One that has
// lost its place already stays so.
func (s *Places[H, E]) Confirm(p *Place[H, E]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.in == nil || !p.tentative {
		return
	}
	s.queues[p.holder].tentative.Remove(p.in)
	p.tentative, p.seen = false, p.entry.LastUsed()
	s.queue(p)
}

// Replace puts e in the place of another entry of the same holder. False: that one has lost it.
func (s *Places[H, E]) Replace(p *Place[H, E], e E) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.in == nil {
		return false
	}
	p.entry = e
	return true
}

// Remove gives a place back; one that was lost or given back already stays so.
func (s *Places[H, E]) Remove(p *Place[H, E]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.in != nil {
		s.remove(p)
	}
}

// Len returns how many places are taken.
func (s *Places[H, E]) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shares.total
}

// Of returns the entries of h.
func (s *Places[H, E]) Of(h H) []E {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of(h, nil)
}

// All returns all entries.
func (s *Places[H, E]) All() []E {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]E, 0, s.shares.total)
	for h := range s.queues {
		all = s.of(h, all)
	}
	return all
}

func (s *Places[H, E]) of(h H, out []E) []E {
	q := s.queues[h]
	if q == nil {
		return out
	}
	for _, l := range []*queue.List{&q.kept, &q.tentative} {
		for at := l.Front(); at != nil; at = at.Next() {
			out = append(out, placeAt[H, E](at).entry)
		}
	}
	return out
}

// idlest returns the place of h that makes room, of its tentative entries or of the others; nil
// where there is none. At the front of the queue is who was not looked at for longest; who has been
// used since goes to the back.
func (s *Places[H, E]) idlest(h H, tentative bool) (idlest *Place[H, E]) {
	q := s.queues[h]
	if q == nil {
		return nil
	}
	l := q.of(tentative)
	for range min(looks, l.Len()) {
		p := placeAt[H, E](l.Front())
		used := p.entry.LastUsed()
		if idlest == nil || used < idlest.seen {
			idlest = p
		}
		if used == p.seen {
			break // those behind it were let in, or used, later
		}
		p.seen = used
		l.MoveToBack(p.in)
	}
	return idlest
}

func (s *Places[H, E]) remove(p *Place[H, E]) {
	q := s.queues[p.holder]
	q.of(p.tentative).Remove(p.in)
	p.in = nil
	if q.tentative.Len()+q.kept.Len() == 0 {
		delete(s.queues, p.holder)
	}
	s.shares.Remove(p.holder)
}

// placeAt returns what an element of a queue holds: nothing else is ever put there.
func placeAt[H comparable, E Idler](at *queue.Element) *Place[H, E] { return at.Value.(*Place[H, E]) }
