package link

import (
	"context"
	"sync"

	"github.com/oneping/oneping/proto"
)

// Splice copies raw bytes both ways between two streams until both directions
// have ended, and ends both streams. A half-close passes through and the other
// direction lives on; a reset of either side resets the other with the same
// code. It returns nil after two orderly ends.
func Splice(ctx context.Context, a, b *Stream) error {
	stop := context.AfterFunc(ctx, func() {
		a.Reset(proto.CodeAborted)
		b.Reset(proto.CodeAborted)
	})
	defer stop()
	var wg sync.WaitGroup
	var up, down error
	wg.Go(func() { up = splice(b, a) })
	wg.Go(func() { down = splice(a, b) })
	wg.Wait()
	a.end()
	b.end()
	if up != nil {
		return up
	}
	return down
}

// splice copies from src to dst. On an error both are reset in both
// directions: one that is abandoned without that stays charged to the connection's window.
func splice(dst, src *Stream) error {
	buf := copyBuffer{pools: &src.l.pools}
	defer buf.free()
	for {
		b := buf.next()
		n, err := src.Read(b)
		buf.used(n)
		if n > 0 {
			if _, werr := dst.Write(b[:n]); werr != nil {
				resetBoth(dst, src, werr)
				return werr
			}
		}
		if isEOF(err) {
			return dst.CloseWrite()
		}
		if err != nil {
			resetBoth(dst, src, err)
			return err
		}
	}
}

func resetBoth(a, b *Stream, cause error) {
	code, ok := ResetCode(cause)
	if !ok {
		code = proto.CodeLinkDown
	}
	a.Reset(code)
	b.Reset(code)
}
