package link

import (
	"context"
	"errors"
	"sync"

	"github.com/quic-go/quic-go"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// queueLen is the bound of each class in datagrams: 10 ms of bulk at 50,000
// packets/s, and traceroute's and mtr's bursts many times over.
const queueLen = 512

// maxFree is how many unused buffers a link keeps after a burst.
const maxFree = 128

// bufferSize holds any datagram that fits a QUIC packet (quic-go: 1452 bytes at most).
const bufferSize = 1500

// buffer is a pooled copy of one datagram.
type buffer struct {
	n int
	b [bufferSize]byte
}

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
// one, no duplicates (DESIGN promise 12).
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

// next gives the last buffer back and returns the most urgent one, nil when
// there is none.
func (s *sender) next(done *buffer) *buffer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if done != nil && len(s.free) < maxFree {
		s.free = append(s.free, done)
	}
	for c := range s.rings {
		if b := s.rings[c].pop(); b != nil {
			return b
		}
	}
	return nil
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
	var b *buffer
	for {
		if b = l.send.next(b); b == nil {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-l.conn.Context().Done():
				return context.Cause(l.conn.Context())
			case <-l.send.wake:
			}
			continue
		}
		if err := l.sendDatagram(b.b[:b.n]); err != nil {
			return err
		}
	}
}

// sendDatagram hands d to quic-go, which copies it, or to the oversize stream
// where the packet size has shrunk since it was queued.
func (l *Link) sendDatagram(d []byte) error {
	err := l.conn.SendDatagram(d)
	if err == nil {
		l.sent.Add(1)
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
	if r := l.over.put(d); r != packet.OK {
		l.counters.Count(r)
	}
	return nil
}
