package table

import (
	"sync"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// Config bounds a table.
type Config[K comparable, V any] struct {
	// Max and MaxPerOwner bound the entries in all and of one owner; 0 = no bound. The owners are
	// the holders of Shares: above half of Max each has a fair share, and who is below its own
	// takes a place of the largest holder in a full table, whatever Keep says: the idlest of that
	// one's entries, a tentative one first.
	Max, MaxPerOwner int
	// Keep protects an entry for this long after its last use (RFC 5508 REQ-2:
	// 60 s for ICMP). An owner's idlest entry beyond it makes
	// room for another of the same owner; 0 = none does before its own idle time-out.
	Keep time.Duration
	// Tentative lets the owner's idlest entry make room for another of the same owner at any time
	// until it is confirmed.
	Tentative bool
	// OnEvict is told of each entry that Expire or Add removed, after it is gone and without the
	// table's lock: close its socket there. The reason is packet.Timeout, or packet.Superseded
	// where the entry made room before its time. Not called by Delete. May be nil.
	OnEvict func(K, V, packet.Reason)
}

// Table maps K to V for as long as V is used. Each entry belongs to an owner
// and has an idle time-out of its own. Safe for concurrent use; Get and Touch
// do not allocate.
type Table[K, O comparable, V any] struct {
	cfg Config[K, V]

	// guarded by mu
	mu      sync.Mutex
	shares  *Shares[O]
	entries map[K]*entry[K, O, V]
	// Entries with one idle time-out expire in the order of their last use, so a
	// queue for each time-out makes both use and expiry O(1). There are few different ones.
	byIdle  map[idleQueue]*list[K, O, V]
	byOwner map[ownerQueue[O]]*list[K, O, V]
}

// idleQueue and ownerQueue name the two queues of an entry: those that may make room stand in their
// own.
type idleQueue struct {
	idle      time.Duration
	tentative bool
}

type ownerQueue[O comparable] struct {
	owner     O
	tentative bool
}

type entry[K, O comparable, V any] struct {
	key   K
	owner O
	value V
	idle  time.Duration
	used  time.Time
	in    [2]links[K, O, V] // byIdle, byOwner

	tentative bool
	why       packet.Reason // of its eviction
}

func (e *entry[K, O, V]) idleQueue() idleQueue      { return idleQueue{e.idle, e.tentative} }
func (e *entry[K, O, V]) ownerQueue() ownerQueue[O] { return ownerQueue[O]{e.owner, e.tentative} }

func (e *entry[K, O, V]) expired(now time.Time) bool { return now.Sub(e.used) >= e.idle }

// New returns an empty table.
func New[K, O comparable, V any](cfg Config[K, V]) *Table[K, O, V] {
	return &Table[K, O, V]{
		cfg:     cfg,
		shares:  NewShares[O](cfg.Max, cfg.MaxPerOwner),
		entries: make(map[K]*entry[K, O, V]),
		byIdle:  make(map[idleQueue]*list[K, O, V]),
		byOwner: make(map[ownerQueue[O]]*list[K, O, V]),
	}
}

// Add enters v under k as used now; it expires when it was not used for idle.
// An entry that k had before is evicted. It returns packet.TableFull, and changes
// nothing but what had expired, when a bound is reached and nothing may make room.
func (t *Table[K, O, V]) Add(now time.Time, k K, owner O, v V, idle time.Duration) packet.Reason {
	t.mu.Lock()
	var out []*entry[K, O, V]
	defer func() { t.evicted(out) }()
	defer t.mu.Unlock()
	old := t.entries[k]
	if old != nil {
		t.remove(old)
	}
	ok := true
	if t.shares.Ask(owner) != RoomFree {
		out = t.expire(now, out)
		out, ok = t.makeRoom(now, owner, out)
	}
	if !ok {
		if old != nil {
			t.insert(old)
		}
		return packet.TableFull
	}
	if old != nil {
		out = append(out, old.evictedFor(packet.Superseded))
	}
	t.insert(&entry[K, O, V]{key: k, owner: owner, value: v, idle: idle, used: now, tentative: t.cfg.Tentative})
	return packet.OK
}

// Get returns the entry of k without using it.
func (t *Table[K, O, V]) Get(k K) (v V, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.entries[k]; e != nil {
		return e.value, true
	}
	return v, false
}

// Touch returns the entry of k and marks it as used now. An entry past its idle
// time-out that Expire has not seen yet comes back to life.
func (t *Table[K, O, V]) Touch(now time.Time, k K) (v V, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[k]
	if e == nil {
		return v, false
	}
	if now.After(e.used) {
		e.used = now
	}
	t.byIdle[e.idleQueue()].moveToBack(e)
	t.byOwner[e.ownerQueue()].moveToBack(e)
	return e.value, true
}

// Confirm ends the time in which the entry of k may make room for a newcomer (Config.Tentative); it
// says whether there is one. It does not use it.
func (t *Table[K, O, V]) Confirm(k K) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[k]
	if e == nil {
		return false
	}
	if e.tentative {
		t.leaveQueues(e)
		e.tentative = false
		t.queue(e)
	}
	return true
}

// SetIdle gives the entry of k another idle time-out, counted from now; it
// says whether there is one.
func (t *Table[K, O, V]) SetIdle(now time.Time, k K, idle time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[k]
	if e == nil {
		return false
	}
	t.leaveQueues(e)
	e.idle, e.used = idle, now
	t.queue(e)
	return true
}

// Delete removes and returns the entry of k.
func (t *Table[K, O, V]) Delete(k K) (v V, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[k]
	if e == nil {
		return v, false
	}
	t.remove(e)
	return e.value, true
}

// DeleteOwner removes and returns what the entries of o hold, in no order.
func (t *Table[K, O, V]) DeleteOwner(o O) (gone []V) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, tentative := range []bool{true, false} {
		for e := t.owned(o, tentative).first(); e != nil; e = t.owned(o, tentative).first() {
			t.remove(e)
			gone = append(gone, e.value)
		}
	}
	return gone
}

// Range calls f for each entry that was in the table when it was called, until
// f returns false. f may use the table.
func (t *Table[K, O, V]) Range(f func(K, O, V) bool) {
	t.mu.Lock()
	all := make([]*entry[K, O, V], 0, len(t.entries))
	for _, e := range t.entries {
		all = append(all, e)
	}
	t.mu.Unlock()
	for _, e := range all { // key, owner and value never change
		if !f(e.key, e.owner, e.value) {
			return
		}
	}
}

// Expire removes what was not used for its idle time-out and returns how many
// entries that were. It takes time for those, not for the others.
func (t *Table[K, O, V]) Expire(now time.Time) int {
	t.mu.Lock()
	out := t.expire(now, nil)
	t.mu.Unlock()
	t.evicted(out)
	return len(out)
}

// Len returns the number of entries.
func (t *Table[K, O, V]) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.entries)
}

// makeRoom evicts the entry in whose place another of o may come, if one is needed. False: there is
// none.
func (t *Table[K, O, V]) makeRoom(now time.Time, o O, out []*entry[K, O, V]) ([]*entry[K, O, V], bool) {
	var e *entry[K, O, V]
	switch t.shares.Ask(o) {
	case RoomFree:
		return out, true
	case RoomOwn:
		e = t.yields(now, t.owned(o, true).first(), t.owned(o, false).first())
	case RoomAny:
		e = t.yields(now, t.idlest(true), t.idlest(false))
	case RoomLargest:
		l := t.shares.Largest()
		if e = t.owned(l, true).first(); e == nil {
			e = t.owned(l, false).first()
		}
	}
	if e == nil {
		return out, false
	}
	t.remove(e)
	return append(out, e.evictedFor(packet.Superseded)), true
}

// yields returns which of the idlest tentative and the idlest other entry makes room; nil for
// neither.
func (t *Table[K, O, V]) yields(now time.Time, tentative, other *entry[K, O, V]) *entry[K, O, V] {
	switch {
	case tentative != nil:
		return tentative
	case t.cfg.Keep > 0 && other != nil && now.Sub(other.used) >= t.cfg.Keep:
		return other
	}
	return nil
}

// owned returns one of an owner's two queues, nil where it is empty.
func (t *Table[K, O, V]) owned(o O, tentative bool) *list[K, O, V] {
	return t.byOwner[ownerQueue[O]{o, tentative}]
}

// idlest returns the entry of the whole table that was not used for longest, of the tentative ones
// or of the others.
func (t *Table[K, O, V]) idlest(tentative bool) (e *entry[K, O, V]) {
	for q, l := range t.byIdle {
		if q.tentative == tentative && (e == nil || l.front.used.Before(e.used)) {
			e = l.front
		}
	}
	return e
}

func (e *entry[K, O, V]) evictedFor(why packet.Reason) *entry[K, O, V] {
	e.why = why
	return e
}

func (t *Table[K, O, V]) expire(now time.Time, out []*entry[K, O, V]) []*entry[K, O, V] {
	for _, l := range t.byIdle {
		for e := l.front; e != nil && e.expired(now); e = l.front {
			t.remove(e)
			out = append(out, e.evictedFor(packet.Timeout))
		}
	}
	return out
}

func (t *Table[K, O, V]) insert(e *entry[K, O, V]) {
	t.entries[e.key] = e
	t.shares.Add(e.owner)
	t.queue(e)
}

func (t *Table[K, O, V]) remove(e *entry[K, O, V]) {
	delete(t.entries, e.key)
	t.shares.Remove(e.owner)
	t.leaveQueues(e)
}

func (t *Table[K, O, V]) queue(e *entry[K, O, V]) {
	pushTo(t.byIdle, e.idleQueue(), inIdle, e)
	pushTo(t.byOwner, e.ownerQueue(), inOwner, e)
}

func (t *Table[K, O, V]) leaveQueues(e *entry[K, O, V]) {
	removeFrom(t.byIdle, e.idleQueue(), e)
	removeFrom(t.byOwner, e.ownerQueue(), e)
}

func (t *Table[K, O, V]) evicted(out []*entry[K, O, V]) {
	if t.cfg.OnEvict == nil {
		return
	}
	for _, e := range out {
		t.cfg.OnEvict(e.key, e.value, e.why)
	}
}
