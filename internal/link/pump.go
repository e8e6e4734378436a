package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"

	"github.com/oneping/oneping/proto"
)

// Endpoint is the TCP connection at an end of a flow: the kernel's on the
// connector, the user-space stack's on the client. An error of Read or Write
// that means "the far end sent RST" satisfies errors.Is(err, syscall.ECONNRESET).
type Endpoint interface {
	net.Conn
	// CloseWrite sends FIN; reading goes on.
	CloseWrite() error
	// Abort sends RST and frees Read and Write. May be called more than once and concurrently.
	Abort()
}

// Pump moves bytes both ways between a flow and a TCP connection until both
// directions have ended, and closes both. FIN crosses as half-close, after
// which the other direction lives on; RST crosses as RST. Nothing is buffered
// beyond one 256 KiB buffer a direction and QUIC's windows: a slow reader slows
// its writer. It returns nil after two orderly ends.
func Pump(ctx context.Context, f *Flow, c Endpoint) error {
	p := &pump{f: f, c: c}
	stop := context.AfterFunc(ctx, func() { p.fail(fmt.Errorf("pump flow: %w", context.Cause(ctx)), proto.CodeAborted) })
	var wg sync.WaitGroup
	wg.Go(p.outbound)
	wg.Go(p.inbound)
	wg.Wait()
	_ = c.Close() // both halves have ended: there is nothing left to fail
	_ = f.Close() // waits for the peer's last acknowledgement; ctx ends that too
	stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

type pump struct {
	f *Flow
	c Endpoint

	mu  sync.Mutex
	err error // the first
}

// fail ends both directions of both sides, once.
func (p *pump) fail(err error, code proto.Code) {
	p.mu.Lock()
	first := p.err == nil
	if first {
		p.err = err
	}
	p.mu.Unlock()
	if first {
		p.f.Reset(code)
		p.c.Abort()
	}
}

// outbound moves from the TCP connection to the flow.
func (p *pump) outbound() {
	buf := copyBuffer{pools: &p.f.s.l.pools}
	defer buf.free()
	for {
		b := buf.next()
		n, err := p.c.Read(b[proto.FrameHeaderSize:])
		buf.used(n)
		if n > 0 {
			if werr := p.f.writeData(b[:proto.FrameHeaderSize+n]); werr != nil {
				p.failFlow(werr)
				return
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			if werr := p.f.CloseWrite(); werr != nil {
				p.failFlow(werr)
			}
			return
		case err != nil:
			p.failEndpoint(err)
			return
		}
	}
}

// inbound moves from the flow to the TCP connection.
func (p *pump) inbound() {
	buf := copyBuffer{pools: &p.f.s.l.pools}
	defer buf.free()
	for {
		b := buf.next()
		n, err := p.f.Read(b)
		buf.used(n)
		if n > 0 {
			if _, werr := p.c.Write(b[:n]); werr != nil {
				p.failEndpoint(werr)
				return
			}
		}
		switch {
		case isEOF(err):
			// An error here is that of a connection that has ended meanwhile: the other direction reports it.
			_ = p.c.CloseWrite()
			return
		case err != nil:
			p.failFlow(err)
			return
		}
	}
}

// failFlow ends the pump because of the flow: the application gets RST.
func (p *pump) failFlow(err error) {
	code, ok := ResetCode(err)
	if !ok {
		code = proto.CodeLinkDown
	}
	p.fail(fmt.Errorf("pump flow: %w", err), code)
}

// failEndpoint ends the pump because of the TCP connection.
func (p *pump) failEndpoint(err error) {
	code := proto.CodeAborted
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		code = proto.CodeReset
	}
	p.fail(fmt.Errorf("pump flow: %w", err), code)
}
