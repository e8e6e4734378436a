package path

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
)

const (
	redialFirst = 100 * time.Millisecond
	// redialCap is the longest pause but for its jitter, half to one and a half times of it; see
	// dialTimeout.
	redialCap = 500 * time.Millisecond
	// redialLived is how long a link must have lived to start over with the shortest pause.
	redialLived = 5 * time.Second
	// refusedFirst and refusedCap are the pauses after a peer's no, which seldom turns into a yes:
	// a thousand revoked devices must not keep an edge busy.
	refusedFirst = 200 * time.Millisecond
	refusedCap   = 30 * time.Second
)

// Redial keeps one link to one of several edges for as long as its context lives.
type Redial struct {
	// Addrs are host:port, tried in turn from the one that has worked last; asked before each
	// attempt, as they may change.
	Addrs  func() []string
	Config Config
	// TLS returns the TLS configuration of one attempt, so that a renewed certificate is used; nil
	// = Config.TLS. It ends with its context.
	TLS func(context.Context) (*tls.Config, error)
	// OnAttempt is told of each attempt, err nil when it succeeded; may be nil.
	OnAttempt func(addr string, err error)
}

// Run dials, calls serve with the link, and dials again when serve returns,
// with growing pauses (0.1 s to about 0.5 s, with jitter; an attempt that nobody
// answers takes 2 s itself; while the edge refuses, up to 30 s), until ctx ends or no
// address is configured. serve should call Link.Run and return its error; the link is closed
// when serve returns. Run never returns nil.
func (r *Redial) Run(ctx context.Context, serve func(ctx context.Context, l *link.Link) error) error {
	pause, refused := pauses(redialFirst, redialCap), pauses(refusedFirst, refusedCap)
	var at turn
	for {
		addrs := r.Addrs()
		if len(addrs) == 0 {
			return errors.New("redial: no edge address configured")
		}
		started := time.Now()
		addr := at.next(addrs)
		linked, err := r.once(ctx, addr, serve)
		no, lived := isRefusal(err), linked && time.Since(started) >= redialLived
		if lived && !no {
			at = turn{worked: addr}
		}
		if lived {
			pause.Reset()
			if !no { // two that replace each other let one another live for a while
				refused.Reset()
			}
		}
		next := pause
		if no {
			next = refused
		}
		t := time.NewTimer(next.NextBackOff())
		select {
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("redial: %w", context.Cause(ctx))
		case <-t.C:
		}
	}
}

// turn says which address is next.
type turn struct {
	worked string // whose link lived, and did not end with a no; "" before there was one
	tried  int    // attempts since
}

// next returns what to dial: the address that has worked last, then those behind it, and around. After
// an edge has moved the dead one in the list is not asked first at each reconnect.
func (t *turn) next(addrs []string) string {
	first := max(slices.Index(addrs, t.worked), 0)
	addr := addrs[(first+t.tried)%len(addrs)]
	t.tried++
	return addr
}

func pauses(first, longest time.Duration) *backoff.ExponentialBackOff {
	b := &backoff.ExponentialBackOff{InitialInterval: first, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: longest}
	b.Reset()
	return b
}

// isRefusal says whether err is the peer's considered no, as opposed to a failure on the way.
func isRefusal(err error) bool {
	if e, ok := errors.AsType[*HandshakeError](err); ok {
		return e.cause.ErrorCode.IsCryptoError() // one side rejects the other's certificate
	}
	if _, ok := errors.AsType[*link.RefusedError](err); ok { // of TLS, which may have to renew first
		return true
	}
	c, ok := errors.AsType[*link.CloseError](err)
	if !ok || !c.Remote {
		return false
	}
	switch c.Code {
	case proto.CodeRefused, proto.CodeRevoked, proto.CodeExpired, proto.CodeProtocol, proto.CodeTooMany,
		proto.CodeReplaced: // by another machine with a copy of this identity: the two must not chase each other
		return true
	}
	return false
}

// once makes one attempt and serves its link; it says whether there was one and why it ended.
func (r *Redial) once(ctx context.Context, addr string, serve func(ctx context.Context, l *link.Link) error) (linked bool, err error) {
	cfg := r.Config
	if r.TLS != nil {
		if cfg.TLS, err = r.TLS(ctx); err != nil {
			r.tell(addr, err)
			return false, err
		}
	}
	l, err := Dial(ctx, addr, cfg)
	if err != nil {
		r.tell(addr, err)
		return false, err
	}
	r.tell(addr, nil)
	err = serve(ctx, l) // serve knows the link and reports its end
	_ = l.CloseFor(ctx)
	return true, err
}

func (r *Redial) tell(addr string, err error) {
	if r.OnAttempt != nil {
		r.OnAttempt(addr, err)
	}
}
