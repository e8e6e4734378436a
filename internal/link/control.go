package link

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

const (
	// controlQueue is the bound of unsent control messages in bytes: two of the largest.
	controlQueue = 2*proto.MaxControl + 64
	// maxSkip is how much of an oversized control message is read and dropped; a larger one ends
	// the link.
	maxSkip = 64 << 20
	// reportEvery is how often each side tells what it has sent and received.
	reportEvery = 5 * time.Second
	// reportsMore is how many follow the last that had something to tell.
	reportsMore = 3
)

// controlSender holds encoded messages until the control stream takes them.
type controlSender struct {
	mu     sync.Mutex
	queue  []byte
	latest func() *proto.Control // see SendLatest; nil: nothing waits there
	wake   chan struct{}
	opened CarrierStream      // by New
	stream chan CarrierStream // once it has its magic
	bound  bool
	closed bool
}

func (c *controlSender) init() {
	c.wake = make(chan struct{}, 1)
	c.stream = make(chan CarrierStream, 1)
}

// bind makes s the control stream; false when there is one already.
func (c *controlSender) bind(s CarrierStream) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bound {
		return false
	}
	c.bound = true
	c.stream <- s
	return true
}

// take returns what is to be written next: the queue, or, where that is empty, one message of
// latest; nil: nothing waits.
func (c *controlSender) take() ([]byte, error) {
	c.mu.Lock()
	q, latest := c.queue, c.latest
	c.queue = nil
	if len(q) == 0 {
		c.latest = nil // before it is asked: who has news meanwhile sets it again
	}
	c.mu.Unlock()
	if len(q) > 0 || latest == nil {
		return q, nil
	}
	m := latest()
	if m == nil {
		return nil, nil
	}
	c.mu.Lock()
	if c.latest == nil {
		c.latest = latest // it may have more
	}
	c.mu.Unlock()
	return proto.AppendControl(nil, m)
}

func (c *controlSender) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
}

// SendControl queues a control message. It never blocks; messages arrive in
// order. It fails with ErrQueueFull, ErrClosed or when m cannot be encoded.
func (l *Link) SendControl(m *proto.Control) error {
	b, err := proto.AppendControl(nil, m)
	if err != nil {
		return err
	}
	c := &l.control
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed || l.carrier.Context().Err() != nil:
		return ErrClosed
	case len(c.queue)+len(b) > controlQueue:
		return ErrQueueFull
	}
	c.queue = append(c.queue, b...)
	c.rouse()
	return nil
}

// SendLatest sends what is superseded by its successor, such as a configuration: nothing of it is
// queued. next is asked for one message at a time, when all that SendControl has queued is with the
// control stream, until it returns nil; it then says what is newest. It is called by one goroutine
// of the link and must not block. A later SendLatest replaces next.
func (l *Link) SendLatest(next func() *proto.Control) {
	c := &l.control
	c.mu.Lock()
	defer c.mu.Unlock()
	c.latest = next
	c.rouse()
}

// rouse wakes runControl.
func (c *controlSender) rouse() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// runControl is the goroutine that writes the control stream. The dialling
// side has opened it, the accepting side waits for it.
func (l *Link) runControl(ctx context.Context, h *Handler, spawn func(func())) error {
	defer l.control.close()
	if s := l.control.opened; s != nil {
		s.Prefer() // before any flow
		if _, err := s.Write([]byte(proto.Magic)); err != nil {
			return fmt.Errorf("open control stream: %w", err)
		}
		l.control.bind(s)
		spawn(func() { l.receiveControl(s, h) })
	}
	var s CarrierStream
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case s = <-l.control.stream:
	}
	for {
		q, err := l.control.take()
		if err != nil {
			return err
		}
		if len(q) > 0 {
			if _, err := s.Write(q); err != nil {
				return fmt.Errorf("write control stream: %w", err)
			}
			continue
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-l.carrier.Context().Done():
			return l.carrier.Err()
		case <-l.control.wake:
		}
	}
}

// receiveControl reads the control stream behind its magic. Its end ends the link.
func (l *Link) receiveControl(s io.Reader, h *Handler) {
	r := bufio.NewReaderSize(&counted{s, &l.tally.consumed}, 16<<10)
	for {
		body, err := l.readControl(r)
		if err != nil {
			if l.carrier.Context().Err() == nil {
				l.abort(proto.CodeProtocol, err.Error())
			}
			return
		}
		if body == nil {
			continue
		}
		m, err := proto.ParseControl(body)
		if err != nil {
			l.tally.ended(packet.Malformed)
			continue
		}
		if err := l.handleControl(m, h); err != nil {
			l.abort(proto.CodeProtocol, err.Error())
			return
		}
	}
}

// readControl returns the body of the next message, nil for an oversized one,
// which is counted and skipped.
func (l *Link) readControl(r *bufio.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("read control stream: %w", err)
	}
	n := binary.BigEndian.Uint32(head[:])
	switch {
	case n > maxSkip:
		return nil, fmt.Errorf("read control stream: a message of %d bytes", n)
	case n > proto.MaxControl:
		l.tally.ended(packet.TooLarge)
		_, err := io.CopyN(io.Discard, r, int64(n))
		return nil, err
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, fmt.Errorf("read control stream: %w", err)
	}
	return body, nil
}

// handleControl takes reports out and hands the rest on.
func (l *Link) handleControl(m proto.Control, h *Handler) error {
	if m.Report != nil {
		l.tally.peerSent.Store(m.Report.Sent)
		l.tally.peerGot.Store(m.Report.Received)
		l.losses.heard(Loss{Datagrams: m.Report.Expected, Lost: m.Report.Lost})
		return nil
	}
	if h.Control == nil {
		return nil
	}
	return h.Control(l, m)
}

// sendReport tells the peer what this side has counted, where that has changed
// by more than heartbeats: an idle link stays silent. With it goes a mark, so that the peer can say
// what is missing of all that was sent before it. It may be lost, and the peer's comes too late for
// our report, so that there are reportsMore behind the last.
func (l *Link) sendReport() {
	n := l.moved()
	switch {
	case n != l.tally.reported:
		l.tally.reported, l.tally.more = n, reportsMore
	case l.tally.more == 0:
		return
	default:
		l.tally.more--
	}
	l.window.askMark()
	in := l.losses.in.total()
	err := l.SendControl(&proto.Control{Report: &proto.Report{
		Sent: l.tally.sent.Load(), Received: l.tally.received.Load(), Expected: in.Datagrams, Lost: in.Lost,
	}})
	if err != nil {
		l.tally.ended(packet.QueueFull)
	}
}
