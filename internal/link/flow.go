package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oneping/oneping/proto"
)

// ackEvery is how many received bytes are acknowledged at once.
const ackEvery = 256 << 10

// Flow is a TCP flow at one of its ends: frames with offsets and
// acknowledgements on a stream. Read and Write may be called concurrently with
// each other, Reset and Close at any time.
//
// Acknowledgements are tracked and nothing is retained yet: what is in flight
// is bounded by QUIC's flow control, and a flow ends with its link. Resuming it
// on another link will keep the bytes between acked and sent.
type Flow struct {
	s *Stream

	readMu sync.Mutex
	data   uint64 // bytes left of the data frame being read
	recvd  uint64 // offset: payload bytes read
	fin    bool
	head   [proto.FrameHeaderSize]byte

	writeMu sync.Mutex // a frame is written whole
	sent    uint64     // offset: payload bytes written
	wfin    bool
	ackHead [proto.FrameHeaderSize]byte

	ended   atomic.Bool   // reset
	acked   atomic.Uint64 // offset that the peer has acknowledged
	ackDue  atomic.Uint64 // offset to acknowledge plus one; 0 = nothing due
	ackLast uint64        // guarded by readMu
}

// NewFlow makes a flow of a stream whose header has been written or read.
func NewFlow(s *Stream) *Flow { return &Flow{s: s} }

// Await reads the answer to the flow's opening.
func (f *Flow) Await(ctx context.Context) (proto.FlowAnswer, error) {
	stop := context.AfterFunc(ctx, func() { _ = f.s.SetReadDeadline(time.Unix(1, 0)) })
	a, err := proto.ReadFlowAnswer(f.s)
	if !stop() {
		return proto.FlowAnswer{}, fmt.Errorf("await flow: %w", context.Cause(ctx))
	}
	if err != nil {
		return proto.FlowAnswer{}, fmt.Errorf("await flow: %w", err)
	}
	return a, nil
}

// Answer writes the answer to the flow's opening. Any but AnswerConnected ends
// the flow in order: the answer arrives, Reset and Close do nothing any more.
func (f *Flow) Answer(a proto.FlowAnswer) error {
	if _, err := f.s.Write(proto.AppendFlowAnswer(nil, &a)); err != nil {
		return fmt.Errorf("answer flow: %w", err)
	}
	if a.Kind == proto.AnswerConnected {
		return nil
	}
	f.ended.Store(true)
	if err := f.s.Close(); err != nil {
		return fmt.Errorf("answer flow: %w", err)
	}
	return nil
}

// Read reads payload: io.EOF after the peer's half-close, *ResetError after a reset.
func (f *Flow) Read(b []byte) (int, error) {
	f.readMu.Lock()
	defer f.readMu.Unlock()
	for f.data == 0 {
		if f.fin {
			return 0, io.EOF
		}
		if err := f.readHeader(); err != nil {
			return 0, err
		}
	}
	if uint64(len(b)) > f.data {
		b = b[:f.data]
	}
	n, err := f.s.Read(b)
	f.data -= uint64(n)
	f.recvd += uint64(n)
	if isEOF(err) && f.data > 0 {
		err = f.broken(io.ErrUnexpectedEOF)
	} else if isEOF(err) {
		err = nil // told by the next header
	}
	return n, err
}

// readHeader reads the next frame's header and acts on it.
func (f *Flow) readHeader() error {
	if f.recvd-f.ackLast >= ackEvery {
		f.ack()
	}
	if _, err := io.ReadFull(f.s, f.head[:]); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return f.broken(io.ErrUnexpectedEOF) // a flow ends with a fin frame
		}
		return err
	}
	h, err := proto.ParseFlowFrame(f.head[:])
	if err != nil {
		return f.broken(err)
	}
	switch h.Type {
	case proto.FrameData:
		f.data = h.Value
	case proto.FrameAck:
		f.acked.Store(h.Value)
	case proto.FrameFin:
		if h.Value != f.recvd {
			return f.broken(fmt.Errorf("fin at %d after %d bytes: %w", h.Value, f.recvd, proto.ErrMalformed))
		}
		f.fin = true
		f.ack()
	case proto.FrameRst:
		f.s.Reset(proto.Code(h.Value))
		return &ResetError{Code: proto.Code(h.Value), Remote: true}
	}
	return nil
}

// broken resets a flow whose frames make no sense.
func (f *Flow) broken(cause error) error {
	f.s.Reset(proto.CodeProtocol)
	return fmt.Errorf("read flow: %w", cause)
}
