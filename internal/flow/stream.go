package flow

import (
	"io"
	"time"

	"github.com/oneping/oneping/proto"
)

// Stream is what a flow needs of the stream that carries it: a *link.Stream. Read and Write may be
// called concurrently with each other, Close and Reset at any time and more than once.
type Stream interface {
	io.ReadWriter
	// Peek waits until len(b) bytes have come and copies them without taking them.
	Peek(b []byte) (int, error)
	// CloseWrite ends this side's half; not concurrently with Write.
	CloseWrite() error
	// Close ends this side's half and refuses what the peer may still send.
	Close() error
	// Reset ends both directions at once: the peer's Read and Write fail with code.
	Reset(code proto.Code)
	SetReadDeadline(t time.Time) error
}

// leaveWait is how long an opener may take to leave after it was told no.
const leaveWait = 5 * time.Second

// Refuse answers a flow that was not connected and waits until the opener leaves: to refuse what it
// may still send would make the edge between us reset the stream, and the answer with it.
func Refuse(s Stream, a proto.FlowAnswer) {
	if _, err := s.Write(proto.AppendFlowAnswer(nil, &a)); err != nil || s.CloseWrite() != nil {
		s.Reset(proto.CodeAborted) // the opener has left already
		return
	}
	_ = s.SetReadDeadline(time.Now().Add(leaveWait))
	_, _ = io.Copy(io.Discard, s) // nothing is expected
	_ = s.Close()
}
