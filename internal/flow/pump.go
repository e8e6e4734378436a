package flow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
)

const (
	// lastWords is how long the bytes before a reset may stand still before it overtakes them: a
	// far end that takes nothing would never hear of it.
	lastWords = 5 * time.Second
	// drainEvery is how often is looked whether they have gone.
	drainEvery = 2 * time.Millisecond
	// brokenEvery is how often an end that waits for credit, and so does not read, looks whether
	// its connection is over.
	brokenEvery = time.Second
	// slowWrite is how long a frame may take to go out before the next ones are small: what is to
	// go out between them, an acknowledgement, waits for no more than one.
	slowWrite = 100 * time.Millisecond
	slowFrame = 16 << 10
)

// Pump moves bytes both ways between a flow and a TCP connection until both directions have ended,
// and closes both. FIN crosses as half-close, after which the other direction lives on; RST crosses
// as RST, behind what was said before it. A slow reader slows its writer and nobody else: see Flow.
// It returns nil after two orderly ends.
func Pump(ctx context.Context, f *Flow, c Endpoint) error {
	p := &pump{f: f, c: c, resetSeen: make(chan struct{})}
	stop := context.AfterFunc(ctx, func() { p.fail(fmt.Errorf("pump flow: %w", context.Cause(ctx)), proto.CodeAborted) })
	defer stop()
	var ends, reader sync.WaitGroup
	reader.Go(p.receive)
	ends.Go(p.deliver)
	ends.Go(p.send)
	ends.Wait()
	_ = c.Close()        // both halves have ended: there is nothing left to fail
	_ = f.s.CloseWrite() // no acknowledgement is due any more
	reader.Wait()        // the peer's last ones; ctx and the end of the link end that too
	_ = f.s.Close()
	f.release()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

type pump struct {
	f *Flow
	c Endpoint
	// resetSeen is closed when the connection was reset at the peer's wish: there is nothing more
	// to send.
	resetSeen chan struct{}

	mu      sync.Mutex
	err     error // the first
	written error // why Write failed: the connection is over, and a Read says EOF afterwards
	fin     bool  // the peer's fin has been passed on
}

// note keeps the first error and says whether err is it.
func (p *pump) note(err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return false
	}
	p.err = err
	return true
}

// fail ends both directions of both sides.
func (p *pump) fail(err error, code proto.Code) {
	p.note(err)
	p.f.Reset(code)
	p.c.Abort()
}

// receive moves from the stream to the receive buffer.
func (p *pump) receive() {
	for {
		kind, err := p.f.receive()
		switch {
		case err != nil:
			code, ok := link.ResetCode(err)
			if !ok {
				code = proto.CodeLinkDown
			}
			p.fail(fmt.Errorf("pump flow: %w", err), code)
			return
		case kind == proto.FrameRst:
			p.allowLastWords()
			if p.finPassed() { // the peer's connection was reset afterwards: it takes nothing more
				p.note(fmt.Errorf("pump flow: %w", p.f.in.ending()))
				p.abort()
			}
		case kind == 0:
			return
		default:
			p.adjust(kind)
		}
	}
}

// passFin sends FIN, unless a reset has followed the peer's fin: then it returns that.
func (p *pump) passFin() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if end := p.f.in.ending(); end != io.EOF {
		return end
	}
	p.fin = true
	// An error is that of a connection that has ended meanwhile: the other direction reports it.
	_ = p.c.CloseWrite()
	return nil
}

// finPassed says whether passFin has sent FIN.
func (p *pump) finPassed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fin
}

// allowLastWords gives Write some time, where what it writes stands before a reset.
func (p *pump) allowLastWords() {
	if _, reset := link.ResetCode(p.f.in.ending()); reset {
		_ = p.c.SetWriteDeadline(time.Now().Add(lastWords)) // of a connection that has ended: Write says so
	}
}

// deliver moves from the receive buffer to the TCP connection.
func (p *pump) deliver() {
	for {
		b, err := p.f.in.next()
		if err == io.EOF {
			err = p.passFin()
		}
		switch {
		case err == nil && b != nil:
		case err == nil:
			return
		default:
			if _, reset := link.ResetCode(err); reset {
				p.note(fmt.Errorf("pump flow: %w", err))
				p.abort()
			}
			return
		}
		n, err := p.c.Write(b)
		p.f.in.took(n)
		if n > 0 {
			p.f.handedOn(n)
		}
		switch {
		case n > 0 && (err == nil || isTimeout(err)):
			p.allowLastWords() // it moves
		case isTimeout(err):
			p.note(errors.New("pump flow: the reset overtook what nobody read"))
			p.f.in.drop()
			p.abort()
			return
		case err != nil:
			p.undeliverable(err)
			return
		}
	}
}

// undeliverable discards what the connection takes no more. What it still has to say is read until
// its end; where that end was FIN, it is a reset now, of which the peer hears behind the fin.
func (p *pump) undeliverable(err error) {
	p.note(fmt.Errorf("pump flow: %w", err))
	p.mu.Lock()
	p.written = err
	p.mu.Unlock()
	p.f.in.drop()
	p.f.rstBehindFin(resetCode(err))
}

// resetCode says by what a connection was reset whose Read or Write failed with err.
func resetCode(err error) proto.Code {
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return proto.CodeReset
	}
	return proto.CodeAborted
}

// abort resets the connection behind what has been written to it.
func (p *pump) abort() {
	tick := time.NewTicker(drainEvery)
	defer tick.Stop()
	last, since := p.c.Unsent(), time.Now()
	for last > 0 && !p.c.Broken() {
		select {
		case <-p.f.finished:
			return
		case now := <-tick.C:
			n := p.c.Unsent()
			if n >= last && now.Sub(since) >= lastWords {
				last = 0
			} else if n < last {
				last, since = n, now
			}
		}
	}
	close(p.resetSeen)
	p.c.Abort()
}

// isTimeout knows a deadline of a connection, whoever's it is.
func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}
