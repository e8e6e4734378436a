package link

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// maxFree is how many unused buffers a link keeps after a burst.
const maxFree = 128

// bufferSize holds any datagram that fits a QUIC packet (quic-go: 1452 bytes at most).
const bufferSize = 1500

// sender holds what waits for the one goroutine that may call SendDatagram,
// which blocks on a stuck path. There are no duplicates.
type sender struct {
	mu     sync.Mutex
	queue  fairQueue
	free   []*entry // at most maxFree; a sync.Pool is emptied by each GC and then allocates again
	wake   chan struct{}
	closed bool
}

func (s *sender) init() {
	s.queue.init()
	s.wake = make(chan struct{}, 1)
}

// put copies d into the queue of c. len(d) is at most bufferSize. Where it is OK, evicted says
// whether a datagram of another owner made room.
func (s *sender) put(o Owner, c Class, d []byte) (r packet.Reason, evicted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return packet.LinkDown, false
	}
	e := s.take()
	e.d = append(e.d[:0], d...)
	lost := s.queue.put(o, c, e)
	if lost != nil {
		s.give(lost)
	}
	if lost == e {
		return packet.QueueFull, false
	}
	wake(s.wake)
	return packet.OK, lost != nil
}

func (s *sender) take() *entry {
	if n := len(s.free); n > 0 {
		e := s.free[n-1]
		s.free = s.free[:n-1]
		return e
	}
	return newEntry(bufferSize)
}

func (s *sender) give(e *entry) {
	if len(s.free) < maxFree {
		s.free = append(s.free, e)
	}
}

// next writes over out what goes next, at most max bytes: the datagram whose turn it is,
// or a batch of it and those behind it that fit too. n is how many there are, 0 when nothing waits.
func (s *sender) next(out []byte, max int) (d []byte, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.queue.peek()
	if first == nil {
		return nil, 0
	}
	s.queue.pop(first)
	defer s.give(first)
	second := s.queue.peek()
	if second == nil || !batches(first.d) || !fits(second, proto.BatchHeader+proto.BatchOverhead+len(first.d), max) {
		return append(out[:0], first.d...), 1
	}
	d = proto.AppendBatched(out[:0], first.d)
	for n = 1; fits(second, len(d), max); n++ {
		d = proto.AppendBatched(d, second.d)
		s.queue.pop(second)
		s.give(second)
		second = s.queue.peek()
	}
	return d, n
}

// fits says whether e can follow size bytes of a batch.
func fits(e *entry, size, max int) bool {
	return e != nil && batches(e.d) && size+proto.BatchOverhead+len(e.d) <= max
}

// batches says whether d may be part of a batch.
func batches(d []byte) bool { return d[0] != byte(proto.TypeHeartbeat) }

// close refuses what comes later.
func (s *sender) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// Send queues a copy of the datagram d. It never blocks. What does not fit a
// QUIC datagram now travels on the oversize stream. It returns packet.OK,
// QueueFull, TooLarge (above proto.MaxDatagram) or LinkDown, and counts nothing: the caller does.
func (l *Link) Send(c Class, d []byte) packet.Reason { return l.SendFor(0, c, d) }

// SendFor is Send where d is a datagram of o, one of several that share the link. Where one of
// another owner made room, that one is counted on this link as packet.QueueFull.
func (l *Link) SendFor(o Owner, c Class, d []byte) packet.Reason {
	if c >= numClasses {
		c = Bulk
	}
	switch n := l.carrier.MaxDatagram(); {
	case len(d) > proto.MaxDatagram || len(d) == 0:
		return packet.TooLarge
	case len(d) > n || len(d) > bufferSize:
		return l.over.put(d)
	}
	return l.enqueue(o, c, d)
}

// enqueue is SendFor for what travels as a datagram.
func (l *Link) enqueue(o Owner, c Class, d []byte) packet.Reason {
	r, evicted := l.send.put(o, c, d)
	if evicted {
		l.tally.ended(packet.QueueFull)
	}
	return r
}

// runSender is the sender goroutine.
func (l *Link) runSender(ctx context.Context) error {
	defer l.send.close()
	out := make([]byte, 0, bufferSize)
	patience := time.NewTimer(markPatience)
	defer patience.Stop()
	if err := l.sendDue(l.window.begin()); err != nil {
		return err
	}
	for {
		if err := l.awaitWindow(ctx, patience); err != nil {
			return err
		}
		d, n := l.send.next(out, min(l.carrier.MaxDatagram(), bufferSize))
		if n == 0 {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-l.Done():
				return l.carrier.Err()
			case <-l.send.wake:
			case <-l.window.due:
				if err := l.sendDue(0); err != nil {
					return err
				}
			}
			continue
		}
		if err := l.sendDatagram(d, n); err != nil {
			return err
		}
		if err := l.sendDue(l.window.note(n)); err != nil {
			return err
		}
	}
}

// sendDatagram hands d, which carries n datagrams, to the carrier, which copies it, or to the
// oversize stream where the packet size has shrunk since it was queued.
func (l *Link) sendDatagram(d []byte, n int) error {
	err := l.carrier.SendDatagram(d)
	if err == nil {
		l.tally.sent.Add(uint64(n))
		return nil
	}
	if !errors.Is(err, ErrDatagramTooLarge) {
		return err
	}
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
		l.tally.ended(r)
	}
}
