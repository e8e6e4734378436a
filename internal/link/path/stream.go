package path

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/quic-go/quic-go"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
)

// stream is a QUIC stream as a link.CarrierStream. What it does not have here is quic-go's.
type stream struct{ *quic.Stream }

// OpenStream implements link.Carrier.
func (c *conn) OpenStream(ctx context.Context) (link.CarrierStream, error) {
	s, err := c.quic.OpenStreamSync(ctx)
	if err != nil {
		return nil, fmt.Errorf("open stream: %w", translate(err))
	}
	return stream{s}, nil
}

// AcceptStream implements link.Carrier. The peer may open another one in its place at once: the
// link bounds those that it has not served.
func (c *conn) AcceptStream(ctx context.Context) (link.CarrierStream, error) {
	s, err := c.quic.AcceptStream(ctx)
	if err != nil {
		return nil, fmt.Errorf("accept stream: %w", translate(err))
	}
	s.ReleaseStreamCredit()
	return stream{s}, nil
}

// OpenUniStream implements link.Carrier.
func (c *conn) OpenUniStream() (link.SendStream, error) {
	s, err := c.quic.OpenUniStream()
	if _, limited := errors.AsType[quic.StreamLimitReachedError](err); limited {
		return nil, link.ErrStreamLimit
	}
	if err != nil {
		return nil, translate(err)
	}
	return sendStream{s}, nil
}

// AcceptUniStream implements link.Carrier.
func (c *conn) AcceptUniStream(ctx context.Context) (link.ReceiveStream, error) {
	s, err := c.quic.AcceptUniStream(ctx)
	if err != nil {
		return nil, translate(err)
	}
	s.ReleaseStreamCredit()
	return receiveStream{s}, nil
}

// Read reads bytes; io.EOF behind the peer's Close.
func (s stream) Read(b []byte) (int, error) {
	n, err := s.Stream.Read(b)
	return n, translateStream(err)
}

// Peek is Read that takes nothing.
func (s stream) Peek(b []byte) (int, error) {
	n, err := s.Stream.Peek(b)
	return n, translateStream(err)
}

// Write writes all of b, or fails.
func (s stream) Write(b []byte) (int, error) {
	n, err := s.Stream.Write(b)
	return n, translateStream(err)
}

// CancelRead refuses what still comes.
func (s stream) CancelRead(code proto.Code) { s.Stream.CancelRead(quic.StreamErrorCode(code)) }

// CancelWrite ends this side's half at once.
func (s stream) CancelWrite(code proto.Code) { s.Stream.CancelWrite(quic.StreamErrorCode(code)) }

// Prefer has the stream sent before all others.
func (s stream) Prefer() { s.SetPriority(0, true) }

// sendStream is this side's half of a unidirectional stream.
type sendStream struct{ *quic.SendStream }

// Write writes all of b, or fails.
func (s sendStream) Write(b []byte) (int, error) {
	n, err := s.SendStream.Write(b)
	return n, translateStream(err)
}

// CancelWrite ends the stream at once.
func (s sendStream) CancelWrite(code proto.Code) {
	s.SendStream.CancelWrite(quic.StreamErrorCode(code))
}

// receiveStream is a unidirectional stream of the peer.
type receiveStream struct{ *quic.ReceiveStream }

// Read reads bytes; io.EOF behind the peer's Close.
func (s receiveStream) Read(b []byte) (int, error) {
	n, err := s.ReceiveStream.Read(b)
	return n, translateStream(err)
}

// CancelRead refuses what still comes.
func (s receiveStream) CancelRead(code proto.Code) {
	s.ReceiveStream.CancelRead(quic.StreamErrorCode(code))
}

// translateStream keeps the two usual results out of the way of translate: io.EOF itself, as
// io.Reader demands, and not an error that wraps it.
func translateStream(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return translate(err)
}
