// Package flowtest has what tests of flows need on several sides of them: a TCP connection in
// memory, which works in virtual time too, and a flow as a plain connection.
package flowtest

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/oneping/oneping/internal/flow"
)

// Room is how many bytes one direction of a connection holds, as a socket's buffers do.
const Room = 64 << 10

// Pair returns the two ends of a connection in memory, with half-close, reset and bounded buffers.
// Each is a flow.Endpoint.
func Pair() (a, b *End) {
	mu := new(sync.Mutex)
	x, y := newHalf(mu), newHalf(mu)
	return &End{in: x, out: y}, &End{in: y, out: x}
}

// Attach pumps f to a connection whose other end it returns, until ctx or the flow ends; then it
// tells done how.
func Attach(ctx context.Context, f *flow.Flow, done chan<- error) *End {
	app, inner := Pair()
	go func() {
		err := flow.Pump(ctx, f, inner)
		if done != nil {
			done <- err
		}
	}()
	return app
}

// half is one direction.
type half struct {
	mu     *sync.Mutex // of both
	change sync.Cond
	b      []byte
	fin    bool
	reset  bool
	until  time.Time // deadline of the writer
}

func newHalf(mu *sync.Mutex) *half {
	h := &half{mu: mu}
	h.change.L = mu
	return h
}

// End is one end of a connection.
type End struct {
	net.Conn // the methods that no test needs
	in, out  *half
	closed   bool
}

// Read implements net.Conn: what came before a reset is read first.
func (e *End) Read(p []byte) (int, error) {
	h := e.in
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.b) == 0 {
		switch {
		case e.closed:
			return 0, net.ErrClosed
		case h.reset:
			return 0, syscall.ECONNRESET
		case h.fin:
			return 0, io.EOF
		}
		h.change.Wait()
	}
	n := copy(p, h.b)
	h.b = h.b[n:]
	h.change.Broadcast()
	return n, nil
}

// Write implements net.Conn.
func (e *End) Write(p []byte) (n int, err error) {
	h := e.out
	h.mu.Lock()
	defer h.mu.Unlock()
	for n < len(p) {
		switch room := Room - len(h.b); {
		case e.closed || h.fin:
			return n, net.ErrClosed
		case h.reset:
			return n, syscall.ECONNRESET
		case room > 0:
			m := min(room, len(p)-n)
			h.b = append(h.b, p[n:n+m]...)
			n += m
			h.change.Broadcast()
		case !h.until.IsZero() && !time.Now().Before(h.until):
			return n, os.ErrDeadlineExceeded
		default:
			h.change.Wait()
		}
	}
	return n, nil
}

// CloseWrite sends FIN.
func (e *End) CloseWrite() error {
	e.out.mu.Lock()
	defer e.out.mu.Unlock()
	e.out.fin = true
	e.out.change.Broadcast()
	return nil
}

// Close sends FIN, or RST where bytes are unread (RFC 2525 §2.17).
func (e *End) Close() error {
	e.out.mu.Lock()
	defer e.out.mu.Unlock()
	if len(e.in.b) > 0 {
		e.abort()
	}
	e.closed, e.out.fin = true, true
	e.broadcast()
	return nil
}

// Abort sends RST.
func (e *End) Abort() {
	e.out.mu.Lock()
	defer e.out.mu.Unlock()
	e.abort()
	e.closed = true
	e.broadcast()
}

func (e *End) abort() {
	if !e.closed {
		e.in.b = nil
		e.in.reset, e.out.reset = true, true
	}
}

func (e *End) broadcast() {
	e.in.change.Broadcast()
	e.out.change.Broadcast()
}

// Broken says whether the connection is over.
func (e *End) Broken() bool {
	e.in.mu.Lock()
	defer e.in.mu.Unlock()
	return e.closed || e.in.reset
}

// Unsent returns 0: what Write has taken is with the far end.
func (e *End) Unsent() int { return 0 }

// SetWriteDeadline implements net.Conn.
func (e *End) SetWriteDeadline(t time.Time) error {
	e.out.mu.Lock()
	defer e.out.mu.Unlock()
	e.out.until = t
	time.AfterFunc(time.Until(t), e.out.change.Broadcast)
	return nil
}
