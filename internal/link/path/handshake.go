package path

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/term"
)

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
		return "TLS handshake refused " + by + ": " + term.Printable(text)
	}
	return "QUIC connection ended " + by + ": " + term.Printable(text)
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
