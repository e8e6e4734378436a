package connector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/oneping/oneping/connector/icmp"
	"github.com/oneping/oneping/internal/obs"
)

// icmpRetry is how often a host that lets no ICMP out is asked again: its
// administrator needs to restart nothing after the command that opens it.
const icmpRetry = 5 * time.Second

// icmpNAT is the ICMP NAT, or why there is none.
type icmpNAT struct {
	nat atomic.Pointer[icmp.NAT] // nil: off

	// guarded by mu
	mu  sync.Mutex
	why error
}

// mode says how ICMP is done: "ping", "raw", "off: REASON".
func (r *icmpNAT) mode() string {
	why := r.off()
	if nat := r.nat.Load(); nat != nil && why == nil {
		return nat.Mode()
	}
	if off, ok := errors.AsType[*icmp.OffError](why); ok {
		why = off.Why // "off" is said already
	}
	return fmt.Sprintf("off: %v", why)
}

// off returns why there is no ICMP, nil where there is.
func (r *icmpNAT) off() error {
	if nat := r.nat.Load(); nat != nil {
		return nat.Off()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.why
}

func (r *icmpNAT) setOff(why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.why = why
}

// openICMP starts ICMP, or goes on trying to. UDP and TCP work without it.
func (c *Connector) openICMP(ctx context.Context, g *errgroup.Group) {
	nat, err := c.newNAT()
	if err == nil {
		g.Go(func() error { return nat.Run(ctx) })
		return
	}
	c.log.Error("ICMP is off; UDP and TCP work", zap.String(obs.FieldReason, err.Error()), obs.Hint(err))
	g.Go(func() error {
		nat, err := c.awaitICMP(ctx)
		if err != nil {
			return err
		}
		c.log.Info("ICMP is on", zap.String("icmp", nat.Mode()))
		return nat.Run(ctx)
	})
}

// awaitICMP tries again until ICMP can be sent or ctx ends.
func (c *Connector) awaitICMP(ctx context.Context) (*icmp.NAT, error) {
	tick := time.NewTicker(icmpRetry)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-tick.C:
		}
		if nat, err := c.newNAT(); err == nil {
			return nat, nil
		}
	}
}

// newNAT opens the NAT and gives it to dispatch.
func (c *Connector) newNAT() (*icmp.NAT, error) {
	t, err := c.cfg.System.ICMP(c.cfg.ICMP)
	if err != nil {
		c.dispatch.icmp.setOff(err)
		return nil, err
	}
	nat := icmp.New(t, icmp.Config{Host: c.host, Back: &c.up})
	c.dispatch.icmp.nat.Store(nat)
	return nat, nil
}
