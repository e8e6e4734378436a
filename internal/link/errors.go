package link

import (
	"errors"
	"fmt"
	"net"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

// ErrClosed is returned by methods of a link that has ended; errors.Is(err, net.ErrClosed) holds
// too.
var ErrClosed = fmt.Errorf("link closed: %w", net.ErrClosed)

// ErrQueueFull is returned by SendControl when the peer does not keep up.
var ErrQueueFull = errors.New("send control message: queue full")

// CloseError is how Run and the streams of a link report its end by the peer or by Close.
type CloseError struct {
	Code   proto.Code
	Text   string
	Remote bool
}

// Error says who closed the link and why.
func (e *CloseError) Error() string {
	by := "us"
	if e.Remote {
		by = "peer"
	}
	s := "link closed by " + by + ": " + e.Code.String()
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// hint says what to do where the link will not come back by itself.
func (e *CloseError) hint() string {
	switch {
	case !e.Remote && e.Code == proto.CodeTimeout:
		return "is the edge running, and may UDP pass between here and there?"
	case e.Remote && e.Code == proto.CodeRevoked:
		return "to let it in again, make a new token on the edge and start it with --token-file"
	case e.Remote && e.Code == proto.CodeReplaced:
		return "another machine runs with a copy of this one's state directory: one of them needs a token and a state directory of its own"
	}
	return ""
}

// Unwrap makes errors.Is(err, net.ErrClosed) hold, and gives advice.
func (e *CloseError) Unwrap() error {
	if hint := e.hint(); hint != "" {
		return advice.With(net.ErrClosed, hint)
	}
	return net.ErrClosed
}

// RefusedError is a considered no: who gets it on a link closes it with the code and the text, and
// a dialler that meets it does not hurry to ask again.
type RefusedError struct {
	Code proto.Code // never CodeOK
	Err  error      // why; the text is for the person at the other end
}

// Error says why.
func (e *RefusedError) Error() string { return e.Err.Error() }

// Unwrap returns why, with advice where there is any.
func (e *RefusedError) Unwrap() error { return e.Err }

// ResetError is how a stream reports that one side reset it.
type ResetError struct {
	Code   proto.Code
	Remote bool
	Cause  error // the carrier's; may be nil
}

// Error says which side reset the stream and why.
func (e *ResetError) Error() string {
	if e.Remote {
		return "stream reset by peer: " + e.Code.String()
	}
	return "stream reset: " + e.Code.String()
}

// Unwrap returns the cause.
func (e *ResetError) Unwrap() error { return e.Cause }

// ResetCode returns the code with which a stream or its link ended, and false
// where err is of another kind.
func ResetCode(err error) (proto.Code, bool) {
	if r, ok := errors.AsType[*ResetError](err); ok {
		return r.Code, true
	}
	if c, ok := errors.AsType[*CloseError](err); ok {
		return c.Code, true
	}
	return 0, false
}
