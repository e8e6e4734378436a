package flow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
)

// Flow is a TCP flow at one of its ends: frames with offsets, acknowledgements
// and credit on a stream. Await or Answer begins it, Pump moves it.
//
// What the peer sends is read at once, whatever the TCP connection of this end does, and waits in a
// receive buffer that is bounded by the credit that the peer was granted. What this end sends waits
// for the peer's credit in front of the stream. So a flow whose reader stands still never has bytes
// in QUIC's windows, which it shares with all others.
//
// Nothing is retained yet for a flow to go on over another link: it ends with its own.
type Flow struct {
	s       Stream
	holding *Holding
	pools   *bufferPools
	in      *recvBuffer // from the peer, for the TCP connection

	readMu sync.Mutex
	window recvWindow
	head   [proto.FrameHeaderSize]byte // used by receive alone

	writeMu sync.Mutex // a frame is written whole
	sent    uint64     // offset: payload bytes written
	wend    bool       // fin or rst has been written
	wrst    bool       // rst has been written
	told    uint64     // the limit of the newest FrameBlocked
	ctlHead [2 * proto.FrameHeaderSize]byte

	limit atomic.Uint64 // offset up to which the peer takes payload
	more  chan struct{} // the limit has grown, or the flow has ended
	// due are the newest acknowledgement and limit that wait to be written, plus one; 0 = none.
	ackDue, limitDue atomic.Uint64

	wish wishes

	ended    atomic.Bool   // reset
	finished chan struct{} // closed by the reset
}

// New makes a flow of a stream whose header has been written or read. Its memory counts as that of
// the header's source in budget, which may be nil.
func New(s Stream, h *proto.FlowHeader, budget *Budget) *Flow {
	f := &Flow{s: s, more: make(chan struct{}, 1), finished: make(chan struct{})}
	f.holding = budget.Open(h.Src.Addr().String(), h.Src, h.Dst, f.Reset)
	f.pools = f.holding.buffers()
	f.in = newRecvBuffer(f.pools, f.holding)
	f.window.init(f.holding, time.Now())
	return f
}

// Await says how much the peer may send, and reads the answer to the flow's opening: who refuses a
// flow may take nothing more of it before that is said.
func (f *Flow) Await(ctx context.Context) (proto.FlowAnswer, error) {
	stop := context.AfterFunc(ctx, func() { _ = f.s.SetReadDeadline(time.Unix(1, 0)) })
	_, unsaid := f.s.Write(f.firstLimit(nil))
	a, err := proto.ReadFlowAnswer(f.s)
	if err == nil && a.Kind == proto.AnswerConnected {
		err = unsaid
	}
	f.wish.newest = a.Newest
	if !stop() {
		return proto.FlowAnswer{}, fmt.Errorf("await flow: %w", context.Cause(ctx))
	}
	if err != nil {
		return proto.FlowAnswer{}, fmt.Errorf("await flow: %w", err)
	}
	return a, nil
}

// Answer says "connected", which frames this side reads, and how much the peer may send.
func (f *Flow) Answer(a proto.FlowAnswer) error {
	a.Newest = proto.FrameNewest
	if _, err := f.s.Write(f.firstLimit(proto.AppendFlowAnswer(nil, &a))); err != nil {
		return fmt.Errorf("answer flow: %w", err)
	}
	return nil
}

func (f *Flow) firstLimit(b []byte) []byte {
	var head [proto.FrameHeaderSize]byte
	f.readMu.Lock()
	proto.PutFlowFrame(head[:], proto.FlowFrame{Type: proto.FrameLimit, Value: f.window.limit})
	f.readMu.Unlock()
	return append(b, head[:]...)
}

// receive reads one frame, puts its payload into the receive buffer or acts on it, and returns its
// type; 0 is the end of the peer's half of the stream, behind fin or rst.
func (f *Flow) receive() (proto.FrameType, error) {
	h, err := f.readHeader()
	switch {
	case err != nil || h.Type == 0:
		return 0, err
	case h.Type == proto.FrameData:
		return h.Type, f.receiveData(int(h.Value))
	}
	return h.Type, f.receiveControl(h)
}

// readHeader reads the next frame's header; type 0 is the end of the stream.
func (f *Flow) readHeader() (proto.FlowFrame, error) {
	n, err := io.ReadFull(f.s, f.head[:])
	switch {
	case n == 0 && err == io.EOF && f.in.ending() != nil:
		return proto.FlowFrame{}, nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return proto.FlowFrame{}, f.broken(io.ErrUnexpectedEOF) // a flow ends with fin or rst
	case err != nil:
		return proto.FlowFrame{}, err
	}
	h, err := proto.ParseFlowFrame(f.head[:])
	if err != nil {
		return h, f.broken(err)
	}
	return h, nil
}

// receiveData reads n bytes of payload.
func (f *Flow) receiveData(n int) error {
	f.readMu.Lock()
	ok := f.window.receive(n, time.Now())
	f.readMu.Unlock()
	if !ok || f.in.ending() != nil {
		return f.broken(fmt.Errorf("data beyond the limit or the end: %w", proto.ErrMalformed))
	}
	for n > 0 {
		b := f.in.space(n)
		m, err := f.s.Read(b[:min(n, len(b))])
		f.in.fill(m)
		n -= m
		if err == io.EOF && n > 0 {
			return f.broken(io.ErrUnexpectedEOF)
		}
		if err != nil && err != io.EOF {
			return err
		}
	}
	return nil
}

// receiveControl acts on a frame without payload.
func (f *Flow) receiveControl(h proto.FlowFrame) error {
	switch h.Type {
	case proto.FrameAck: // nothing is retained: see Flow
	case proto.FrameLimit:
		if h.Value > f.limit.Load() {
			f.limit.Store(h.Value)
			f.wake()
		}
	case proto.FrameBlocked:
		f.readMu.Lock()
		f.window.block(h.Value)
		f.readMu.Unlock()
	case proto.FrameFin:
		f.readMu.Lock()
		received := f.window.received
		f.readMu.Unlock()
		if h.Value != received {
			return f.broken(fmt.Errorf("fin at %d after %d bytes: %w", h.Value, received, proto.ErrMalformed))
		}
		f.in.finish(io.EOF)
	case proto.FrameClass, proto.FrameAlive:
		f.wish.got = h.Value
	case proto.FrameRst:
		f.in.finish(&link.ResetError{Code: proto.Code(h.Value), Remote: true})
	}
	return nil
}

// broken resets a flow whose frames make no sense.
func (f *Flow) broken(cause error) error {
	f.Reset(proto.CodeProtocol)
	return fmt.Errorf("read flow: %w", cause)
}

// handedOn tells that n bytes of the receive buffer have been taken, and the peer where that is
// due. It does not wait for a frame that the other goroutine is writing: the two directions of a
// TCP connection do not wait for each other.
func (f *Flow) handedOn(n int) {
	f.readMu.Lock()
	limit, due := f.window.handOn(n, time.Now())
	handed := f.window.handed
	f.readMu.Unlock()
	if !due {
		return
	}
	f.ackDue.Store(handed + 1)
	f.limitDue.Store(limit + 1)
	if f.writeMu.TryLock() {
		f.unlockWrite()
	}
}

// wake frees whoever waits for credit.
func (f *Flow) wake() {
	select {
	case f.more <- struct{}{}:
	default:
	}
}

// Short says whether the flow was ended because others needed its memory.
func (f *Flow) Short() bool { return f.holding.Short() }

// Reset ends both directions at once, as a fault does: what is under way is lost. Later calls do
// nothing.
func (f *Flow) Reset(code proto.Code) {
	if f.ended.Swap(true) {
		return
	}
	close(f.finished)
	f.s.Reset(code)
	f.in.drop()
}

// Drop resets a flow that Pump has not been called for, and gives its memory back.
func (f *Flow) Drop(code proto.Code) {
	f.Reset(code)
	f.release()
}

// release gives the memory back, after the last use of f.
func (f *Flow) release() {
	f.in.free()
	f.holding.Release()
}

// unlockWrite writes due acknowledgements and unlocks writeMu: whoever writes takes them along.
func (f *Flow) unlockWrite() {
	for {
		if ack := f.ackDue.Swap(0); ack != 0 {
			proto.PutFlowFrame(f.ctlHead[:], proto.FlowFrame{Type: proto.FrameAck, Value: ack - 1})
			proto.PutFlowFrame(f.ctlHead[proto.FrameHeaderSize:], proto.FlowFrame{Type: proto.FrameLimit, Value: f.limitDue.Load() - 1})
			_, _ = f.s.Write(f.ctlHead[:]) // of a stream that has ended: its reader says why
		}
		f.writeMu.Unlock()
		if f.ackDue.Load() == 0 || !f.writeMu.TryLock() {
			return
		}
	}
}
