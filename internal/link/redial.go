package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	redialFirst = 100 * time.Millisecond
	// redialCap is the longest pause but for its jitter, half to one and a half times of it; see dialTimeout.
	redialCap = 500 * time.Millisecond
	// redialLived is how long a link must have lived to start over with the shortest pause.
	redialLived = 5 * time.Second
)

// Redial keeps one link to one of several edges for as long as its context lives.
type Redial struct {
	Addrs  []string // host:port, tried in turn
	Config Config
	// TLS returns the TLS configuration of one attempt, so that a renewed certificate is used; nil = Config.TLS.
	TLS func() (*tls.Config, error)
	// OnAttempt is told of each attempt, err nil when it succeeded; may be nil.
	OnAttempt func(addr string, err error)
}

// Run dials, calls serve with the link, and dials again when serve returns,
// with growing pauses (0.1 s to about 0.5 s, with jitter; an attempt that nobody
// answers takes 2 s itself), until ctx ends or no address is configured. serve
// should call Link.Run; the link is closed when serve returns. Run never returns nil.
func (r *Redial) Run(ctx context.Context, serve func(ctx context.Context, l *Link) error) error {
	if len(r.Addrs) == 0 {
		return errors.New("redial: no edge address configured")
	}
	pause := &backoff.ExponentialBackOff{
		InitialInterval: redialFirst, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: redialCap,
	}
	pause.Reset()
	for i := 0; ; i++ {
		started := time.Now()
		if r.once(ctx, r.Addrs[i%len(r.Addrs)], serve) && time.Since(started) >= redialLived {
			pause.Reset()
		}
		t := time.NewTimer(pause.NextBackOff())
		select {
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("redial: %w", context.Cause(ctx))
		case <-t.C:
		}
	}
}

// once makes one attempt and serves its link; it says whether there was one.
func (r *Redial) once(ctx context.Context, addr string, serve func(ctx context.Context, l *Link) error) bool {
	cfg := r.Config
	var err error
	if r.TLS != nil {
		if cfg.TLS, err = r.TLS(); err != nil {
			r.tell(addr, err)
			return false
		}
	}
	l, err := Dial(ctx, addr, cfg)
	if err != nil {
		r.tell(addr, err)
		return false
	}
	r.tell(addr, nil)
	_ = serve(ctx, l) // serve knows the link and reports its end
	code, text := endCode(ctx)
	_ = l.Close(code, text)
	return true
}

func (r *Redial) tell(addr string, err error) {
	if r.OnAttempt != nil {
		r.OnAttempt(addr, err)
	}
}
