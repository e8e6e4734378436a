package table

import "sync"

// Recent remembers a value of each of the keys that were used last, a bounded number of them: in a
// full one the key that was not used for longest is forgotten, and nobody else. For what is known
// again when it is seen again. Safe for concurrent use; nothing is allocated once it is full.
type Recent[K comparable, V any] struct {
	most int

	// guarded by mu
	mu    sync.Mutex
	at    map[K]int32
	slots []slot[K, V] // slots[0] stands between the newest and the oldest
}

// slot is a key's place in the ring of all, in the order of their last use.
type slot[K comparable, V any] struct {
	key          K
	value        V
	older, newer int32
}

// NewRecent returns an empty one that holds at most most keys, which is positive.
func NewRecent[K comparable, V any](most int) *Recent[K, V] {
	return &Recent[K, V]{most: most, at: make(map[K]int32), slots: make([]slot[K, V], 1)}
}

// Get returns the value of k and uses it; false where k is not known.
func (r *Recent[K, V]) Get(k K) (v V, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i, ok := r.at[k]
	if !ok {
		return v, false
	}
	r.use(i)
	return r.slots[i].value, true
}

// Put sets the value of k and uses it. It returns whether another key was forgotten for it.
func (r *Recent[K, V]) Put(k K, v V) (forgot bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i, ok := r.at[k]
	if ok {
		r.use(i)
		r.slots[i].value = v
		return false
	}
	if len(r.at) < r.most {
		i = int32(len(r.slots))
		r.slots = append(r.slots, slot[K, V]{})
	} else {
		i, forgot = r.slots[0].newer, true
		delete(r.at, r.slots[i].key)
		r.leave(i)
	}
	r.slots[i].key, r.slots[i].value = k, v
	r.at[k] = i
	r.join(i)
	return forgot
}

// Len returns how many keys are known.
func (r *Recent[K, V]) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.at)
}

// use makes slot i the newest.
func (r *Recent[K, V]) use(i int32) {
	if r.slots[0].older != i {
		r.leave(i)
		r.join(i)
	}
}

// leave takes slot i out of the ring.
func (r *Recent[K, V]) leave(i int32) {
	s := &r.slots[i]
	r.slots[s.older].newer, r.slots[s.newer].older = s.newer, s.older
}

// join puts slot i, which is in no ring, where the newest is.
func (r *Recent[K, V]) join(i int32) {
	newest := r.slots[0].older
	r.slots[i].older, r.slots[i].newer = newest, 0
	r.slots[newest].newer, r.slots[0].older = i, i
}
