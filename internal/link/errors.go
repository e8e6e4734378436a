package link

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

// ErrClosed is returned by methods of a link that has ended; errors.Is(err, net.ErrClosed) holds too.
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
		return "to let it in again, make a token on the edge (oneping device token, oneping tunnel token) and start it with --token-file"
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
	cause  error
}

// Error says which side reset the stream and why.
func (e *ResetError) Error() string {
	if e.Remote {
		return "stream reset by peer: " + e.Code.String()
	}
	return "stream reset: " + e.Code.String()
}

// Unwrap returns quic-go's error.
func (e *ResetError) Unwrap() error { return e.cause }

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

// translate turns quic-go's errors into those of this package.
func translate(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*quic.ApplicationError](err); ok {
		return &CloseError{Code: proto.Code(e.ErrorCode), Text: e.ErrorMessage, Remote: e.Remote}
	}
	if e, ok := errors.AsType[*quic.StreamError](err); ok {
		return &ResetError{Code: proto.Code(e.ErrorCode), Remote: e.Remote, cause: err}
	}
	if _, ok := errors.AsType[*quic.StatelessResetError](err); ok {
		return fmt.Errorf("peer restarted and no longer knows this link: %w", err)
	}
	if e, ok := errors.AsType[*quic.TransportError](err); ok {
		return &HandshakeError{cause: e}
	}
	return err
}

// translateIdle is translate for the end of a link, where the time-out is known.
func translateIdle(err error, idle time.Duration) error {
	if _, ok := errors.AsType[*quic.IdleTimeoutError](err); ok {
		return fmt.Errorf("nothing heard for %s: %w", idle, err)
	}
	return translate(err)
}

var errNoAnswer = errors.New("no answer")

// NoAnswerError is how a dial ends that nobody answered.
type NoAnswerError struct {
	Target netip.AddrPort
	After  time.Duration
}

// Error says how long was waited.
func (e *NoAnswerError) Error() string { return fmt.Sprintf("no answer within %s", e.After) }

// Unwrap says what to look at.
func (e *NoAnswerError) Unwrap() error {
	return advice.With(errNoAnswer, fmt.Sprintf("is the edge running, and may UDP go from here to %s?", e.Target))
}

// Timeout makes it a time-out as package net knows them.
func (e *NoAnswerError) Timeout() bool { return true }

// isHandshakeTimeout knows quic-go's time-outs of a handshake.
func isHandshakeTimeout(err error) bool {
	_, idle := errors.AsType[*quic.IdleTimeoutError](err)
	_, handshake := errors.AsType[*quic.HandshakeTimeoutError](err)
	return idle || handshake
}

// HandshakeError is a failure of TLS or of QUIC itself.
type HandshakeError struct {
	cause *quic.TransportError
}

// Error says which side failed and why.
func (e *HandshakeError) Error() string {
	if e.busy() {
		return "the edge takes no new connections from here now"
	}
	by := "here"
	if e.cause.Remote {
		by = "by peer"
	}
	text := e.cause.ErrorMessage
	for _, why := range e.cause.Unwrap() { // our own check of the peer's certificate, in words
		if text == "" && why != nil && !errors.Is(why, net.ErrClosed) {
			text = why.Error()
		}
	}
	if text == "" {
		text = e.cause.ErrorCode.Message() // of a TLS alert
	}
	if text == "" {
		text = strings.ToLower(e.cause.ErrorCode.String())
	}
	if e.cause.ErrorCode.IsCryptoError() {
		return "TLS handshake refused " + by + ": " + text
	}
	return "QUIC connection ended " + by + ": " + text
}

// Remote says whether the peer refused.
func (e *HandshakeError) Remote() bool { return e.cause.Remote }

// busy knows the refusal of a listener that has no place, or no tokens, for this address (Config.Admit).
func (e *HandshakeError) busy() bool {
	return e.cause.Remote && e.cause.ErrorCode == quic.ConnectionRefused
}

// Alert returns the TLS alert (RFC 8446 §6.2) that ended the handshake, and
// false where it was not TLS.
func (e *HandshakeError) Alert() (uint8, bool) {
	c := e.cause.ErrorCode
	return uint8(c), c.IsCryptoError()
}

// Unwrap returns quic-go's error, with advice where it does not come right by itself.
func (e *HandshakeError) Unwrap() error {
	if e.busy() {
		return advice.With(e.cause, "it is asked again; where that does not help: too many connections from this network, "+
			"or an edge short of memory (oneping edge status)")
	}
	return e.cause
}
