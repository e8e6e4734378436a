package link

// Owner is whose datagram waits in a queue that many share: a number of a device that the
// caller gives. 0 is the link's own: heartbeats, and everything where only one sends.
type Owner uint64

const (
	// queueLen is the bound of each class in datagrams: 20 ms of bulk at 50,000
	// packets/s, and what a thousand sockets say at once.
	queueLen = 1024
	// entryCost is what a datagram costs beside its bytes: a flood of empty ones is one, too.
	entryCost = 64
	// quantum is what an owner may send in a round, in bytes: the largest datagram that travels as one
	// passes in one. Who sends something larger pays for it in the rounds that follow.
	quantum = bufferSize + entryCost
)

// fairQueue holds what waits, shares the way fairly between owners, and lets the
// urgent go first.
//
// It works in rounds (deficit round robin), of which each gives every owner a quantum of
// bytes. Within a round classes have strict priority, and owners of one class take
// turns. An owner whose quantum is spent waits for the next round with all that it has, the
// urgent included: else one device's flood of pings, all urgent, would keep
// the UDP of everybody else waiting without end. Who stays within a fair share of the link
// never waits for that: he has credit, so his pings pass every payload, and his
// small payloads pass bulk. What is above the share goes behind the shares of the others,
// urgent first. The link's own datagrams spend no credit.
//
//	             turn: has credit     spent: next round
//	urgent       carol                mallory
//	interactive  bob
//	bulk         carol                dave
//
// Each class holds queueLen datagrams. When it is full, the owner with the most in it
// loses its newest one. Order is kept within (owner, class). Each step is O(1): a
// datagram pays for at most one change of round of each backlog of its owner, one larger than a
// quantum for as many as it is larger. Nothing is allocated once the queue has been as full as it
// gets.
type fairQueue struct {
	classes [numClasses]classQueue
	waiting int // entries in all
	round   uint64
	own     sharer // Owner 0
	others  sharers
}

// classQueue is what waits in one class.
type classQueue struct {
	n           int // entries
	turn, spent list[backlog]
	byLength    []list[backlog] // for the longest one
	longest     int             // length
}

// backlog is what waits of one owner in one class, oldest first.
type backlog struct {
	sharer  *sharer
	entries list[entry]
	n       int
	order   node[backlog] // in turn or spent
	rank    node[backlog] // in byLength
}

// entry is one datagram that waits.
type entry struct {
	d       []byte
	over    bool // received on the oversize stream, which waits for it
	class   Class
	owner   Owner // also when its sharer is somebody else's by now
	backlog *backlog
	node    node[entry]
}

func newEntry(capacity int) *entry {
	e := &entry{d: make([]byte, 0, capacity)}
	e.node.of = e
	return e
}

func (q *fairQueue) init() { q.own.init(0) }

// put adds e, and returns what was lost for want of room: nil, the newest of the longest backlog,
// or e itself.
func (q *fairQueue) put(o Owner, c Class, e *entry) (lost *entry) {
	s, cq := q.find(o), &q.classes[c]
	if cq.n == queueLen {
		n := 0
		if s != nil {
			n = s.backlogs[c].n
		}
		if n+1 >= cq.longest {
			return e
		}
		lost = cq.byLength[cq.longest].front().entries.last.of
		q.remove(lost)
	}
	if s == nil {
		s = q.others.add(o)
	}
	b := &s.backlogs[c]
	e.class, e.owner, e.backlog = c, o, b
	b.entries.push(&e.node)
	cq.resize(b, +1)
	q.waiting++
	s.waiting++
	if b.n > 1 {
		return lost
	}
	if q.credit(s) > 0 {
		cq.turn.push(&b.order)
	} else {
		cq.spent.push(&b.order)
	}
	return lost
}

// find returns the sharer of o, nil where there is none.
func (q *fairQueue) find(o Owner) *sharer {
	if o == 0 {
		return &q.own
	}
	return q.others.find(o)
}

// credit returns what s may still send in this round.
func (q *fairQueue) credit(s *sharer) int {
	if s.round != q.round {
		s.credit = s.creditIn(q.round)
		s.round = q.round
	}
	return s.credit
}

// peek returns what goes next, nil when nothing waits.
func (q *fairQueue) peek() *entry {
	for q.waiting > 0 {
		for c := range q.classes {
			cq := &q.classes[c]
			for b := cq.turn.front(); b != nil; b = cq.turn.front() {
				if q.credit(b.sharer) > 0 {
					return b.entries.front()
				}
				cq.turn.remove(&b.order)
				cq.spent.push(&b.order)
			}
		}
		q.nextRound()
	}
	return nil
}

// nextRound begins a round: no class has anything in turn.
func (q *fairQueue) nextRound() {
	q.round++
	for c := range q.classes {
		cq := &q.classes[c]
		cq.turn, cq.spent = cq.spent, list[backlog]{}
	}
}

// pop removes e, which peek has returned, and charges its owner.
func (q *fairQueue) pop(e *entry) {
	b := e.backlog
	s, cq := b.sharer, &q.classes[e.class]
	q.remove(e)
	switch {
	case b.n == 0:
		cq.turn.remove(&b.order)
	case cq.turn.last != &b.order:
		cq.turn.remove(&b.order)
		cq.turn.push(&b.order)
	}
	if s == &q.own {
		return
	}
	s.credit -= len(e.d) + entryCost
	if q.waiting == 0 {
		q.round += debtRounds // nobody waited for anybody
	}
	if s.waiting == 0 {
		q.others.idle(s, q.round)
	}
}

// remove takes e out of its backlog.
func (q *fairQueue) remove(e *entry) {
	b := e.backlog
	b.entries.remove(&e.node)
	q.classes[e.class].resize(b, -1)
	q.waiting--
	b.sharer.waiting--
}

// resize notes that b has grown or shrunk by one.
func (cq *classQueue) resize(b *backlog, by int) {
	if b.n > 0 {
		cq.byLength[b.n].remove(&b.rank)
	}
	b.n += by
	cq.n += by
	for len(cq.byLength) <= b.n {
		cq.byLength = append(cq.byLength, list[backlog]{})
	}
	if b.n > 0 {
		cq.byLength[b.n].push(&b.rank)
	}
	cq.longest = max(cq.longest, b.n)
	if cq.longest > 0 && cq.byLength[cq.longest].first == nil {
		cq.longest--
	}
}
