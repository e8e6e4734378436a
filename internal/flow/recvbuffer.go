package flow

import (
	"errors"
	"io"
	"sync"
)

// errDropped is why a receive buffer whose bytes nobody wants any more ends.
var errDropped = errors.New("dropped")

// recvBuffer is a FIFO of bytes between the goroutine that reads a stream, always, and the one that
// writes the bytes elsewhere when there is room: a reader that stands still stops its own flow, and
// never the connection that its stream shares with others. How much may lie in it is for its users
// to say: the flow's credit, and the budget of the process.
//
// An empty receive buffer holds no memory.
type recvBuffer struct {
	pools   *bufferPools
	holding *Holding

	mu         sync.Mutex
	ready      sync.Cond // there are bytes, or an end
	head, tail *chunk
	waiting    int   // bytes
	lent       bool  // space has been lent and not filled: the tail is in use
	taken      bool  // next has returned bytes and took was not called: the head is in use
	end        error // what comes behind the last byte; nil = more may come
	dropped    bool
}

// chunk is one buffer of a receive buffer: bytes r to w wait.
type chunk struct {
	b    []byte
	r, w int
	next *chunk
}

func newRecvBuffer(pools *bufferPools, h *Holding) *recvBuffer {
	q := &recvBuffer{pools: pools, holding: h}
	q.ready.L = &q.mu
	return q
}

// space returns room for what is about to be read, some want bytes; fill must be called next. For
// the reading goroutine alone.
func (q *recvBuffer) space(want int) []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lent = true
	if q.tail == nil || q.tail.w == len(q.tail.b) {
		c := &chunk{b: q.pools.get(want)}
		q.holding.hold(len(c.b))
		if q.tail == nil {
			q.head = c
		} else {
			q.tail.next = c
		}
		q.tail = c
	}
	return q.tail.b[q.tail.w:]
}

// fill adds the first n bytes of the space that was lent.
func (q *recvBuffer) fill(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lent = false
	q.tail.w += n
	q.waiting += n
	if q.dropped {
		q.tail.r = q.tail.w
	}
	q.recycle()
	if n > 0 {
		q.ready.Signal()
	}
}

// finish says what comes behind the bytes that have been filled in: io.EOF, or a reset, which may
// follow that.
func (q *recvBuffer) finish(end error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.end == nil || q.end == io.EOF {
		q.end = end
	}
	q.ready.Signal()
}

// size returns how many bytes wait.
func (q *recvBuffer) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting
}

// ending returns what finish was called with, nil before.
func (q *recvBuffer) ending() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.end
}

// next waits for bytes and returns some; took must be called next. Behind the last ones it returns
// what finish said. For the writing goroutine alone.
func (q *recvBuffer) next() ([]byte, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if q.head != nil && q.head.r < q.head.w {
			q.taken = true
			return q.head.b[q.head.r:q.head.w], nil
		}
		if q.dropped {
			return nil, errDropped
		}
		if q.end != nil {
			return nil, q.end
		}
		q.ready.Wait()
	}
}

// took removes the first n bytes of what next returned.
func (q *recvBuffer) took(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken = false
	if !q.dropped {
		q.head.r += n
		q.waiting -= n
		q.holding.moved()
	}
	q.recycle()
}

// drop discards what is there and what will come; it frees next. What next has returned stays valid
// until took.
func (q *recvBuffer) drop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dropped = true
	for c := q.head; c != nil; c = c.next {
		c.r = c.w
	}
	q.ready.Signal()
}

// free gives all memory back. Neither goroutine may use the receive buffer any more.
func (q *recvBuffer) free() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dropped, q.lent, q.taken = true, false, false
	for c := q.head; c != nil; c = c.next {
		c.r = c.w
	}
	q.recycle()
}

// recycle gives back the chunks whose bytes are gone. The caller holds mu.
func (q *recvBuffer) recycle() {
	for c := q.head; c != nil && c.r == c.w; c = q.head {
		if q.taken || c == q.tail && q.lent {
			return
		}
		q.head = c.next
		if q.head == nil {
			q.tail = nil
		}
		q.holding.hold(-len(c.b))
		q.pools.put(c.b)
	}
}
