package link

// node is an element's place in one list; the element of holds it.
type node[T any] struct {
	of           *T
	before, next *node[T]
}

// list is a doubly linked list of places that lie in their elements, so that nothing is allocated.
type list[T any] struct{ first, last *node[T] }

// push puts n, which is in no list, at the end.
func (l *list[T]) push(n *node[T]) {
	n.before, n.next = l.last, nil
	if l.last == nil {
		l.first = n
	} else {
		l.last.next = n
	}
	l.last = n
}

// remove takes n out.
func (l *list[T]) remove(n *node[T]) {
	if n.before == nil {
		l.first = n.next
	} else {
		n.before.next = n.next
	}
	if n.next == nil {
		l.last = n.before
	} else {
		n.next.before = n.before
	}
	n.before, n.next = nil, nil
}

// front returns the first element, nil where there is none.
func (l *list[T]) front() *T {
	if l.first == nil {
		return nil
	}
	return l.first.of
}
