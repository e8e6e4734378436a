package table

// Ring keeps the newest of what is put into it: its memory grows to a limit, then the oldest makes
// room. Not safe for concurrent use; Put allocates only while it grows.
type Ring[T any] struct {
	kept  []T
	next  int // where the next one goes
	limit int
}

// NewRing returns an empty ring of limit places, which is positive.
func NewRing[T any](limit int) Ring[T] { return Ring[T]{limit: limit} }

// Len returns how many are kept.
func (r *Ring[T]) Len() int { return len(r.kept) }

// Limit returns how many there may be.
func (r *Ring[T]) Limit() int { return r.limit }

// Put returns the place of a new one, which is the newest from now on: the caller overwrites what
// is there.
func (r *Ring[T]) Put() *T {
	at := r.next
	if at == len(r.kept) {
		var zero T
		r.kept = append(r.kept, zero)
	}
	r.next = (at + 1) % r.limit
	return &r.kept[at]
}

// Newest returns the one that was put in i before the newest; i is less than Len.
func (r *Ring[T]) Newest(i int) *T { return &r.kept[(r.next-1-i+r.limit)%r.limit] }

// Oldest returns the one that makes room for the next; nil while none has to.
func (r *Ring[T]) Oldest() *T {
	if len(r.kept) < r.limit {
		return nil
	}
	return &r.kept[r.next]
}

// Grow adds places to a ring, at the price of a copy.
func (r *Ring[T]) Grow(places int) {
	kept := make([]T, 0, r.limit+places)
	if len(r.kept) == r.limit {
		kept = append(kept, r.kept[r.next:]...)
		kept = append(kept, r.kept[:r.next]...)
	} else {
		kept = append(kept, r.kept...)
	}
	r.kept, r.next, r.limit = kept, len(kept), r.limit+places
}
