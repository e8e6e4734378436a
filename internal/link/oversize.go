package link

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

const (
	// oversizeQueue is the bound of the queue in bytes: some 16 of the largest datagrams, many
	// fragments' worth of usual ones.
	oversizeQueue = 1 << 20
	// oversizeKeep is the largest buffer that is kept for the next burst.
	oversizeKeep = 256 << 10
	// oversizePatience is how long the stream may accept nothing before it is reset and opened
	// anew.
	oversizePatience = 5 * time.Second
	// oversizeBatch is how much of a stream is read at once, in bytes.
	oversizeBatch = 64 << 10
)

// oversizeSender holds datagrams that did not fit one, and what must stay behind them. They travel on a
// unidirectional stream that is opened when the first of them comes, with a
// goroutine of its own, so that a stuck stream delays nothing else.
type oversizeSender struct {
	mu     sync.Mutex
	queue  []byte // length-prefixed datagrams, ready to write
	spare  []byte // the other half of a double buffer
	wake   chan struct{}
	closed bool
}

func (s *oversizeSender) init() { s.wake = make(chan struct{}, 1) }

func (s *oversizeSender) put(d []byte) packet.Reason {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return packet.LinkDown
	case len(s.queue)+4+len(d) > oversizeQueue:
		return packet.QueueFull
	}
	s.queue = append(proto.AppendLength(s.queue, len(d)), d...)
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return packet.OK
}

// take returns all that is queued.
func (s *oversizeSender) take() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queue
	s.queue, s.spare = s.spare[:0], q
	if cap(q) > oversizeKeep {
		s.spare = nil
	}
	return q
}

func (s *oversizeSender) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// runOversize is the goroutine of the oversize stream.
func (l *Link) runOversize(ctx context.Context) error {
	defer l.over.close()
	var s SendStream
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-l.carrier.Context().Done():
			return l.carrier.Err()
		case <-l.over.wake:
		}
		batch := l.over.take()
		if len(batch) == 0 {
			continue
		}
		if s == nil {
			var err error
			if s, err = l.openOversize(); err != nil {
				return err
			}
		}
		if s == nil || !l.writeOversize(s, batch) {
			s = nil
		}
	}
}

// openOversize opens the stream; it returns neither stream nor error when the
// peer still has to let go of older ones.
func (l *Link) openOversize() (SendStream, error) {
	s, err := l.carrier.OpenUniStream()
	if errors.Is(err, ErrStreamLimit) {
		l.tally.ended(packet.QueueFull)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open oversize stream: %w", err)
	}
	if _, err := s.Write([]byte{byte(proto.StreamOversize)}); err != nil {
		return nil, nil // the peer refused it, or the link ended, which others notice
	}
	return s, nil
}

// writeOversize writes a batch and says whether the stream may be used again.
func (l *Link) writeOversize(s SendStream, batch []byte) bool {
	_ = s.SetWriteDeadline(time.Now().Add(oversizePatience))
	if _, err := s.Write(batch); err != nil {
		s.CancelWrite(proto.CodeTimeout)
		l.tally.ended(packet.QueueFull)
		return false
	}
	for len(batch) >= 4 {
		n := int(batch[0])<<24 | int(batch[1])<<16 | int(batch[2])<<8 | int(batch[3])
		batch = batch[4+n:]
		l.tally.sent.Add(1)
	}
	return true
}

// oversizeReceiver lets one oversize stream deliver at a time, the newest, and through the receiver
// goroutine alone: a datagram that came before it is handled before it.
type oversizeReceiver struct {
	deliver sync.Mutex    // held while the receiver has a batch
	arrived chan []byte   // a batch of length-prefixed datagrams; 1
	handled chan struct{} // that it is done with; 1
	wake    atomic.Pointer[context.CancelFunc]

	mu      sync.Mutex
	current ReceiveStream
}

func (r *oversizeReceiver) init() {
	r.arrived, r.handled = make(chan []byte, 1), make(chan struct{}, 1)
}

// replace makes s the current stream and ends the one before it.
func (r *oversizeReceiver) replace(s ReceiveStream) {
	r.mu.Lock()
	old := r.current
	r.current = s
	r.mu.Unlock()
	if old != nil {
		old.CancelRead(proto.CodeReplaced)
	}
}

// hand gives a batch to the receiver and waits until it is done with it, or the link has ended.
func (r *oversizeReceiver) hand(batch []byte, done <-chan struct{}) {
	r.deliver.Lock()
	defer r.deliver.Unlock()
	select {
	case r.arrived <- batch:
	case <-done:
		return
	}
	if wake := r.wake.Load(); wake != nil {
		(*wake)()
	}
	select {
	case <-r.handled:
	case <-done:
	}
}

// receiveOversize reads datagrams from s until it ends. Its kind byte has been read.
func (l *Link) receiveOversize(s ReceiveStream) {
	l.recvOver.replace(s)
	r := bufio.NewReaderSize(&counted{s, &l.tally.consumed}, oversizeBatch)
	var one, batch []byte
	for {
		var err error
		batch = batch[:0]
		for more := true; more && err == nil; more = buffered(r) {
			if one, err = proto.ReadFrame(r, one, proto.MaxDatagram); err == nil {
				batch = append(proto.AppendLength(batch, len(one)), one...)
			}
		}
		if len(batch) > 0 {
			l.recvOver.hand(batch, l.Done())
		}
		if err == nil {
			continue
		}
		if errors.Is(err, proto.ErrMalformed) {
			l.tally.ended(packet.TooLarge)
		}
		if !errors.Is(err, io.EOF) {
			s.CancelRead(proto.CodeProtocol)
		}
		return
	}
}

// buffered says whether r has all of another datagram.
func buffered(r *bufio.Reader) bool {
	if r.Buffered() < 4 {
		return false
	}
	head, err := r.Peek(4)
	return err == nil && r.Buffered()-4 >= int(binary.BigEndian.Uint32(head))
}
