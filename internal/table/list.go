package table

// The two queues that an entry stands in, each in the order of last use.
const (
	inIdle = iota
	inOwner
)

type links[K, O comparable, V any] struct {
	prev, next *entry[K, O, V]
}

// list is a queue of entries, linked through their links of one kind.
type list[K, O comparable, V any] struct {
	kind        int
	n           int
	front, back *entry[K, O, V]
}

// pushBack puts e where its last use belongs: at the back, or a little before
// it when the caller's clock readings were taken in another order.
func (l *list[K, O, V]) pushBack(e *entry[K, O, V]) {
	prev := l.back
	for prev != nil && prev.used.After(e.used) {
		prev = prev.in[l.kind].prev
	}
	var next *entry[K, O, V]
	if prev == nil {
		next = l.front
		l.front = e
	} else {
		next = prev.in[l.kind].next
		prev.in[l.kind].next = e
	}
	if next == nil {
		l.back = e
	} else {
		next.in[l.kind].prev = e
	}
	e.in[l.kind] = links[K, O, V]{prev: prev, next: next}
	l.n++
}

// first is nil of a queue that is not there.
func (l *list[K, O, V]) first() *entry[K, O, V] {
	if l == nil {
		return nil
	}
	return l.front
}

func (l *list[K, O, V]) remove(e *entry[K, O, V]) {
	at := e.in[l.kind]
	if at.prev == nil {
		l.front = at.next
	} else {
		at.prev.in[l.kind].next = at.next
	}
	if at.next == nil {
		l.back = at.prev
	} else {
		at.next.in[l.kind].prev = at.prev
	}
	e.in[l.kind] = links[K, O, V]{}
	l.n--
}

func (l *list[K, O, V]) moveToBack(e *entry[K, O, V]) {
	l.remove(e)
	l.pushBack(e)
}

// pushTo appends e to the list of id, making it where needed.
func pushTo[I, K, O comparable, V any](m map[I]*list[K, O, V], id I, kind int, e *entry[K, O, V]) {
	l := m[id]
	if l == nil {
		l = &list[K, O, V]{kind: kind}
		m[id] = l
	}
	l.pushBack(e)
}

// removeFrom removes e from the list of id, and the list with its last entry.
func removeFrom[I, K, O comparable, V any](m map[I]*list[K, O, V], id I, e *entry[K, O, V]) {
	l := m[id]
	l.remove(e)
	if l.n == 0 {
		delete(m, id)
	}
}
