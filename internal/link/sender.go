package link

import (
	"context"
	"errors"
	"sync"

	"github.com/quic-go/quic-go"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// queueLen is the bound of each class in datagrams: 20 ms of bulk at 50,000
// packets/s, and what a thousand sockets say at once.
const queueLen = 1024

// maxFree is how many unused buffers a link keeps after a burst.
const maxFree = 128

// bufferSize holds any datagram that fits a QUIC packet (quic-go: 1452 bytes at most).
const bufferSize = 1500

// buffer is a pooled copy of one datagram.
type buffer struct {
	n int
	b [bufferSize]byte
}

func (b *buffer) bytes() []byte { return b.b[:b.n] }

// ring is a bounded FIFO.
type ring struct {
	items   [queueLen]*buffer
	head, n int
}

func (r *ring) push(b *buffer) bool {
	if r.n == queueLen {
		return false
	}
	r.items[(r.head+r.n)%queueLen] = b
	r.n++
	return true
}

func (r *ring) pop() *buffer {
	if r.n == 0 {
		return nil
	}
	b := r.items[r.head]
	r.items[r.head] = nil
	r.head = (r.head + 1) % queueLen
	r.n--
	return b
}

// sender holds what waits for the one goroutine that may call SendDatagram,
// which blocks on a stuck path: strict priority between classes, FIFO inside
// one, no duplicates.
type sender struct {
	mu     sync.Mutex
	rings  [numClasses]ring
	free   []*buffer // at most maxFree; a sync.Pool is emptied by each GC and then allocates again
	wake   chan struct{}
	closed bool
}

func (s *sender) init() { s.wake = make(chan struct{}, 1) }

// put copies d into the queue of c. len(d) is at most bufferSize.
func (s *sender) put(c Class, d []byte) packet.Reason {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return packet.LinkDown
	}
	r := &s.rings[c]
	if r.n == queueLen {
		return packet.QueueFull
	}
	b := s.take()
	b.n = copy(b.b[:], d)
	r.push(b)
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return packet.OK
}

func (s *sender) take() *buffer {
	if n := len(s.free); n > 0 {
		b := s.free[n-1]
		s.free = s.free[:n-1]
		return b
	}
	return new(buffer)
}

// next writes over out what goes next, at most max bytes: the most urgent datagram,
// or a batch of it and those behind it that fit too. n is how many there are, 0 when nothing waits.
func (s *sender) next(out []byte, max int) (d []byte, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.peek()
	if first == nil {
		return nil, 0
	}
	s.pop()
	defer s.give(first)
	second := s.peek()
	if second == nil || !batches(first.bytes()) || !s.fits(second, proto.BatchHeader+proto.BatchOverhead+first.n, max) {
		return append(out[:0], first.bytes()...), 1
	}
	d = proto.AppendBatched(out[:0], first.bytes())
	for n = 1; s.fits(second, len(d), max); n++ {
		d = proto.AppendBatched(d, second.bytes())
		s.pop()
		s.give(second)
		second = s.peek()
	}
	return d, n
}

// fits says whether b can follow size bytes of a batch.
func (s *sender) fits(b *buffer, size, max int) bool {
	return b != nil && batches(b.bytes()) && size+proto.BatchOverhead+b.n <= max
}

// batches says whether d may be part of a batch.
func batches(d []byte) bool { return d[0] != byte(proto.TypeHeartbeat) }

// peek returns the most urgent datagram, nil when there is none.
func (s *sender) peek() *buffer {
	for c := range s.rings {
		if s.rings[c].n > 0 {
			return s.rings[c].items[s.rings[c].head]
		}
	}
	return nil
}

// pop removes what peek returned.
func (s *sender) pop() {
	for c := range s.rings {
		if s.rings[c].pop() != nil {
			return
		}
	}
}

func (s *sender) give(b *buffer) {
	if len(s.free) < maxFree {
		s.free = append(s.free, b)
	}
}

// close refuses what comes later.
func (s *sender) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// Send queues a copy of the datagram d. It never blocks. What does not fit a
// QUIC datagram now travels on the oversize stream. It returns packet.OK,
// QueueFull, TooLarge (above proto.MaxDatagram) or LinkDown, and counts nothing: the caller does.
func (l *Link) Send(c Class, d []byte) packet.Reason {
	if c >= numClasses {
		c = Bulk
	}
	switch n := int(l.mtu.size.Load()); {
	case len(d) > proto.MaxDatagram || len(d) == 0:
		return packet.TooLarge
	case len(d) > n || len(d) > bufferSize:
		return l.over.put(d)
	}
	return l.send.put(c, d)
}

// runSender is the sender goroutine.
func (l *Link) runSender(ctx context.Context) error {
	defer l.send.close()
	out := make([]byte, 0, bufferSize)
	for {
		d, n := l.send.next(out, min(int(l.mtu.size.Load()), bufferSize))
		if n == 0 {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-l.conn.Context().Done():
				return context.Cause(l.conn.Context())
			case <-l.send.wake:
			}
			continue
		}
		if err := l.sendDatagram(d, n); err != nil {
			return err
		}
	}
}

// sendDatagram hands d, which carries n datagrams, to quic-go, which copies it, or to the oversize
// stream where the packet size has shrunk since it was queued.
func (l *Link) sendDatagram(d []byte, n int) error {
	err := l.conn.SendDatagram(d)
	if err == nil {
		l.sent.Add(uint64(n))
		return nil
	}
	var tooLarge *quic.DatagramTooLargeError
	if !errors.As(err, &tooLarge) {
		return err
	}
	l.mtu.set(int(tooLarge.MaxDatagramPayloadSize))
	if d[0] == byte(proto.TypeHeartbeat) {
		return nil // its size was the point
	}
	if n == 1 {
		l.putOversize(d)
		return nil
	}
	for rest := d[proto.BatchHeader:]; len(rest) > 0; {
		if d, rest, err = proto.ParseBatch(rest); err != nil {
			return err // we made it
		}
		l.putOversize(d)
	}
	return nil
}

func (l *Link) putOversize(d []byte) {
	if r := l.over.put(d); r != packet.OK {
		l.counters.Count(r)
	}
}
