package flow

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
)

// spliceBound is what may wait in one direction of a splice, in bytes: more than the largest credit
// that the ends of a flow give each other. More is a violation of the protocol.
const spliceBound = largestWindow + 2*largeBuffer

// errTooMuch ends a flow whose ends send more than they have credit for.
var errTooMuch = &link.ResetError{Code: proto.CodeProtocol}

// errMemoryShort ends a flow for which there is no memory.
var errMemoryShort = &link.ResetError{Code: proto.CodeMemoryShort}

// Splice copies raw bytes both ways between two streams until both directions have ended, and ends
// both streams. A half-close passes through and the other direction lives on; a reset of either
// side resets the other with the same code. Both streams are read at once, whatever the other one
// takes: a flow on a slow link waits in a receive buffer here, not in the window of the connection
// that it shares with others. It returns nil after two orderly ends.
func Splice(ctx context.Context, a, b Stream, h *Holding) error {
	s := &splice{a: a, b: b}
	stop := context.AfterFunc(ctx, func() { s.fail(&link.ResetError{Code: proto.CodeAborted}) })
	defer stop()
	pools := h.buffers()
	up, down := newRecvBuffer(pools, h), newRecvBuffer(pools, h)
	defer up.free()
	defer down.free()
	s.queues = [2]*recvBuffer{up, down}
	var wg sync.WaitGroup
	wg.Go(func() { s.read(a, up, h) })
	wg.Go(func() { s.write(b, up) })
	wg.Go(func() { s.read(b, down, h) })
	wg.Go(func() { s.write(a, down) })
	wg.Wait()
	_ = a.Close()
	_ = b.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

type splice struct {
	a, b   Stream
	queues [2]*recvBuffer

	mu  sync.Mutex
	err error // the first
}

// fail resets both streams in both directions: one that is abandoned without that stays charged to
// its connection's window.
func (s *splice) fail(err error) {
	s.mu.Lock()
	first := s.err == nil
	if first {
		s.err = err
	}
	s.mu.Unlock()
	if !first {
		return
	}
	code, ok := link.ResetCode(err)
	if !ok {
		code = proto.CodeLinkDown
	}
	s.a.Reset(code)
	s.b.Reset(code)
	for _, q := range s.queues {
		q.drop()
	}
}

// read moves from src to its receive buffer. While nothing comes it holds no buffer.
func (s *splice) read(src Stream, q *recvBuffer, h *Holding) {
	var next sizer
	var one [1]byte
	for {
		if next.want == 0 {
			if _, err := src.Peek(one[:]); err != nil && err != io.EOF {
				s.fail(err)
				return
			}
			next.want = smallBuffer
		}
		b := q.space(next.want)
		n, err := src.Read(b)
		q.fill(n)
		if next.saw(n, len(b)); n < len(b) {
			next.want = 0
		}
		switch {
		case err == io.EOF:
			q.finish(err)
			return
		case err == nil:
			err = bounded(q, h)
		}
		if err != nil {
			s.fail(err)
			return
		}
	}
}

// bounded says whether there may be more in a receive buffer.
func bounded(q *recvBuffer, h *Holding) error {
	switch n := q.size(); {
	case n > spliceBound:
		return errTooMuch
	case n > firstWindow && h.overdrawn():
		return errMemoryShort
	}
	return nil
}

// write moves from a receive buffer to dst.
func (s *splice) write(dst Stream, q *recvBuffer) {
	for {
		b, err := q.next()
		switch {
		case err == io.EOF:
			if err := dst.CloseWrite(); err != nil {
				s.fail(err)
			}
			return
		case errors.Is(err, errDropped):
			return
		}
		n, err := dst.Write(b)
		q.took(n)
		if err != nil {
			s.fail(err)
			return
		}
	}
}
