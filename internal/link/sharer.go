package link

import "github.com/oneping/oneping/proto"

const (
	// maxSharers bounds the owners that are remembered: those of whom something waits, one
	// a datagram at most, and as many again who have sent in this round.
	maxSharers = 2 * int(numClasses) * queueLen
	// sharerBuckets is the size of the hash table; with all sharers there is, 24 share a bucket.
	sharerBuckets = 256
	// debtRounds is how many rounds the most overdrawn credit takes to be whole again.
	debtRounds = (proto.MaxDatagram+entryCost)/quantum + 2
)

// sharer is an owner of whom something waits, or who has sent in this round.
type sharer struct {
	owner    Owner
	round    uint64 // of credit
	credit   int    // bytes; the last datagram of a round may overdraw it, and later rounds pay
	waiting  int    // entries in all classes
	resting  bool   // in sharers.rest
	backlogs [numClasses]backlog
	bucket   node[sharer] // in its bucket, or in sharers.unused
	rest     node[sharer]
}

func (s *sharer) init(o Owner) {
	s.owner, s.round, s.credit = o, 0, quantum
	s.bucket.of, s.rest.of = s, s
	for c := range s.backlogs {
		b := &s.backlogs[c]
		b.sharer, b.order.of, b.rank.of = s, b, b
	}
}

// creditIn returns what s may send in a round: a quantum for each since its own, never more than one.
func (s *sharer) creditIn(round uint64) int {
	return min(quantum, s.credit+int(min(round-s.round, debtRounds))*quantum)
}

// sharers is the table of all but the link's own. An owner of whom nothing waits any
// more rests in it until its credit would be whole again: forgotten at once, it would come
// back with a fresh quantum, and a flood that just keeps up with the link would take all.
type sharers struct {
	buckets []list[sharer] // nil until somebody comes
	n       int
	rest    list[sharer] // who had nothing waiting, longest ago first; some have again
	unused  list[sharer]
}

func (t *sharers) bucket(o Owner) *list[sharer] { return &t.buckets[o%sharerBuckets] }

// find returns the sharer of o, nil where there is none.
func (t *sharers) find(o Owner) *sharer {
	if t.buckets == nil {
		return nil
	}
	for n := t.bucket(o).first; n != nil; n = n.next {
		if n.of.owner == o {
			return n.of
		}
	}
	return nil
}

// add returns a new sharer for o, who has none.
func (t *sharers) add(o Owner) *sharer {
	if t.buckets == nil {
		t.buckets = make([]list[sharer], sharerBuckets)
	}
	for t.n == maxSharers { // of at most half of them something waits
		t.retire(t.rest.front())
	}
	s := t.unused.front()
	if s == nil {
		s = new(sharer)
	} else {
		t.unused.remove(&s.bucket)
	}
	s.init(o)
	t.bucket(o).push(&s.bucket)
	t.n++
	return s
}

// idle notes that nothing waits of s any more, and forgets up to two whose credit is whole:
// twice as many as come.
func (t *sharers) idle(s *sharer, round uint64) {
	if !s.resting {
		s.resting = true
		t.rest.push(&s.rest)
	}
	for range 2 {
		if s = t.rest.front(); s == nil || s.waiting == 0 && s.creditIn(round) < quantum {
			return
		}
		t.retire(s)
	}
}

// retire takes s, who rests, from the rest, and forgets it unless something waits of it again.
func (t *sharers) retire(s *sharer) {
	s.resting = false
	t.rest.remove(&s.rest)
	if s.waiting > 0 {
		return
	}
	t.bucket(s.owner).remove(&s.bucket)
	t.unused.push(&s.bucket)
	t.n--
}
