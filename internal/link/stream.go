package link

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/oneping/oneping/proto"
)

// Stream is a stream in both directions. Read and Write may be called
// concurrently with each other; whoever holds it must end it with Close or
// Reset, which may be called at any time and more than once.
//
// Errors are *ResetError where a side reset the stream, *CloseError where the
// link was closed.
type Stream struct {
	s     CarrierStream
	l     *Link
	ended atomic.Bool
}

func (l *Link) newStream(s CarrierStream) *Stream {
	l.streams.open.Add(1)
	return &Stream{s: s, l: l}
}

// OpenFlow opens a stream and writes the flow header. It blocks while the peer
// has its bound of streams open.
func (l *Link) OpenFlow(ctx context.Context, h *proto.FlowHeader) (*Stream, error) {
	s, err := l.OpenRaw(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := s.Write(proto.AppendFlowHeader(nil, h)); err != nil {
		s.Reset(proto.CodeAborted)
		return nil, fmt.Errorf("open flow: %w", err)
	}
	return s, nil
}

// OpenRaw opens a plain stream: enrolment, where Run does not run.
func (l *Link) OpenRaw(ctx context.Context) (*Stream, error) {
	s, err := l.carrier.OpenStream(ctx)
	if err != nil {
		return nil, err
	}
	return l.newStream(s), nil
}

// AcceptRaw returns the next stream that the peer opened. Not while Run runs.
func (l *Link) AcceptRaw(ctx context.Context) (*Stream, error) {
	s, err := l.carrier.AcceptStream(ctx)
	if err != nil {
		return nil, err
	}
	return l.newStream(s), nil
}

// Read reads bytes; io.EOF after the peer's CloseWrite.
func (s *Stream) Read(b []byte) (int, error) {
	n, err := s.s.Read(b)
	s.l.tally.consumed.Add(uint64(n))
	return n, err
}

// Peek waits until len(b) bytes have come and copies them without taking them; io.EOF where the
// stream ends before.
func (s *Stream) Peek(b []byte) (int, error) {
	return s.s.Peek(b)
}

// Write writes all of b, or fails. Large writes are cheaper by the byte.
func (s *Stream) Write(b []byte) (int, error) {
	return s.s.Write(b)
}

// CloseWrite ends this side's half; not concurrently with Write.
func (s *Stream) CloseWrite() error { return s.s.Close() }

// Reset ends both directions at once: the peer's Read and Write fail with code.
func (s *Stream) Reset(code proto.Code) {
	s.s.CancelWrite(code)
	s.s.CancelRead(code)
	s.end()
}

// Close ends this side's half and refuses what the peer may still send, so
// that nothing of the stream stays charged to the connection's window.
func (s *Stream) Close() error {
	err := s.s.Close()
	s.s.CancelRead(proto.CodeAborted)
	s.end()
	return err
}

func (s *Stream) end() {
	if !s.ended.Swap(true) {
		s.l.streams.open.Add(-1)
	}
}

// SetDeadline bounds Read and Write.
func (s *Stream) SetDeadline(t time.Time) error { return s.s.SetDeadline(t) }

// SetReadDeadline bounds Read.
func (s *Stream) SetReadDeadline(t time.Time) error { return s.s.SetReadDeadline(t) }

// SetWriteDeadline bounds Write.
func (s *Stream) SetWriteDeadline(t time.Time) error { return s.s.SetWriteDeadline(t) }

// Context ends when this side's half is closed or reset by either side, or the
// link has ended.
func (s *Stream) Context() context.Context { return s.s.Context() }

// Link returns the link that the stream is on.
func (s *Stream) Link() *Link { return s.l }
