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

// bufferSize holds any datagram that fits a QUIC packet (quic-go: 1452 bytes at most). A larger one
// that waits has a buffer of its own; they are at most oversizeQueue bytes.
const bufferSize = 1500

// sender holds what waits for the one goroutine that may call SendDatagram,
// which blocks on a stuck path. There are no duplicates.
type sender struct {
	mu     sync.Mutex
	queue  fairQueue
	free   []*entry // at most maxFree; a sync.Pool is emptied by each GC and then allocates again
	large  int      // bytes of those that wait and are larger than bufferSize
	detour detour
	wake   chan struct{}
	closed bool
}

func (s *sender) init() {
	s.queue.init()
	s.detour.init()
	s.wake = make(chan struct{}, 1)
}

// put copies d into the queue of c. Where it is OK, evicted says whether a datagram of another
// owner made room.
func (s *sender) put(o Owner, c Class, d []byte) (r packet.Reason, evicted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return packet.LinkDown, false
	}
	if len(d) > bufferSize && s.large+len(d) > oversizeQueue {
		return packet.QueueFull, false
	}
	e := s.take(len(d))
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

// take returns an entry for size bytes.
func (s *sender) take(size int) *entry {
	if size > bufferSize {
		s.large += size
		return newEntry(size)
	}
	if n := len(s.free); n > 0 {
		e := s.free[n-1]
		s.free = s.free[:n-1]
		return e
	}
	return newEntry(bufferSize)
}

// give takes back an entry with what it held.
func (s *sender) give(e *entry) {
	if len(e.d) > bufferSize {
		s.large -= len(e.d)
		return
	}
	if len(s.free) < maxFree {
		s.free = append(s.free, e)
	}
}

// due is what goes next.
type due struct {
	d     []byte
	n     int   // datagrams in d, 0 when nothing waits
	over  bool  // d is one for the oversize stream
	owner Owner // whose it is then
}

// next writes over out what goes next: the datagram whose turn it is, or a batch, at most max bytes,
// of it and those behind it that fit too.
func (s *sender) next(out []byte, max int, stream *oversizeSender) due {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.queue.peek()
	if first == nil {
		return due{}
	}
	s.queue.pop(first)
	defer s.give(first)
	switch over := s.detour.takes(first.d, max, stream); {
	case len(first.d) > bufferSize:
		return due{first.d, 1, over, first.owner} // its buffer is nobody else's
	case over:
		return due{append(out[:0], first.d...), 1, true, first.owner}
	}
	second := s.queue.peek()
	if second == nil || !batches(first.d) || !s.fits(second, proto.BatchHeader+proto.BatchOverhead+len(first.d), max, stream) {
		return due{append(out[:0], first.d...), 1, false, 0}
	}
	d, n := proto.AppendBatched(out[:0], first.d), 1
	for ; s.fits(second, len(d), max, stream); n++ {
		d = proto.AppendBatched(d, second.d)
		s.queue.pop(second)
		s.give(second)
		second = s.queue.peek()
	}
	return due{d, n, false, 0}
}

// follow notes that d goes over the oversize stream although it seemed to fit.
func (s *sender) follow(d []byte, stream *oversizeSender) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.detour.takes(d, 0, stream)
}

// fits says whether e can follow size bytes of a batch.
func (s *sender) fits(e *entry, size, max int, stream *oversizeSender) bool {
	return e != nil && batches(e.d) && size+proto.BatchOverhead+len(e.d) <= max && !s.detour.takes(e.d, max, stream)
}

// batches says whether d may be part of a batch.
func batches(d []byte) bool { return d[0] != byte(proto.TypeHeartbeat) }

// close refuses what comes later.
func (s *sender) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// Send queues a copy of the datagram d. It never blocks. What does not fit a QUIC datagram when its
// turn comes travels on the oversize stream, and with it what its conversation says next. It
// returns packet.OK, QueueFull, TooLarge (above proto.MaxDatagram) or LinkDown, and counts nothing:
// the caller does.
func (l *Link) Send(c Class, d []byte) packet.Reason { return l.SendFor(0, c, d) }

// SendFor is Send where d is a datagram of o, one of several that share the link. Where one of
// another owner made room, that one is counted on this link as packet.QueueFull.
func (l *Link) SendFor(o Owner, c Class, d []byte) packet.Reason {
	if c >= numClasses {
		c = Bulk
	}
	if len(d) > proto.MaxDatagram || len(d) == 0 {
		return packet.TooLarge
	}
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
		next := l.send.next(out, min(l.carrier.MaxDatagram(), bufferSize), &l.over)
		if next.over {
			l.putOversize(next.owner, next.d)
			continue
		}
		if next.n == 0 {
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
		sent, err := l.sendDatagram(next.d, next.n)
		if err != nil {
			return err
		}
		var mark uint64
		if sent {
			mark = l.window.note(next.n)
		}
		if err := l.sendDue(mark); err != nil {
			return err
		}
	}
}

// sendDatagram hands d, which carries n datagrams, to the carrier, which copies it, or to the
// oversize stream where the packet size has shrunk since it was queued. sent says that it left as
// a datagram.
func (l *Link) sendDatagram(d []byte, n int) (sent bool, err error) {
	if err = l.carrier.SendDatagram(d); err == nil {
		l.tally.sent.Add(uint64(n))
		return true, nil
	}
	if !errors.Is(err, ErrDatagramTooLarge) {
		return false, err
	}
	if d[0] == byte(proto.TypeHeartbeat) {
		return false, nil // its size was the point
	}
	if n == 1 {
		l.send.follow(d, &l.over)
		l.putOversize(0, d)
		return false, nil
	}
	for rest := d[proto.BatchHeader:]; len(rest) > 0; {
		if d, rest, err = proto.ParseBatch(rest); err != nil {
			return false, err // we made it
		}
		l.send.follow(d, &l.over)
		l.putOversize(0, d)
	}
	return false, nil
}

// putOversize queues d of o for the oversize stream, and counts what is lost for want of room.
func (l *Link) putOversize(o Owner, d []byte) {
	r, evicted := l.over.put(o, d)
	l.tally.ended(r)
	if evicted {
		l.tally.ended(packet.QueueFull)
	}
}
