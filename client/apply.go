package client

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/obs"
)

// What changing the host may cost is bounded: after each change the host is left alone for
// restPerApply times as long as it took, maxRest at most. With a few prefixes that is some
// milliseconds; with ten thousand, a second's changes are one.
const (
	restPerApply = 4
	maxRest      = 2 * time.Second
)

// The host is looked at without an event, too, every lookEvery, or where that costs more than a
// hundredth of the time, more rarely.
const (
	lookEvery = 30 * time.Second
	lookShare = 100
)

// runApply is the goroutine that changes the host: to the newest configuration, and again when
// the host's network changes, and now and then.
func (c *Client) runApply(ctx context.Context) error {
	look := time.NewTimer(lookEvery)
	defer look.Stop()
	for {
		apply := c.applyNewest
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.conf.wake:
		case <-c.routing.moved:
			apply = c.applyAgain
		case <-look.C:
			apply = c.applyAgain
		}
		began := time.Now()
		apply(ctx)
		look.Reset(max(lookEvery, lookShare*time.Since(began)))
		if err := rest(ctx, min(restPerApply*time.Since(began), maxRest)); err != nil {
			return err
		}
	}
}

// rest waits for d, or until ctx ends.
func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// applyAgain makes the host what it was made last, and lets the edge know where that is otherwise
// than it was.
func (c *Client) applyAgain(ctx context.Context) {
	err := c.routing.again(ctx)
	if ctx.Err() == nil {
		c.conf.again(err)
	}
}

// applyNewest makes the host what the newest configuration wants, keeps that for the next start,
// and tells the edge.
func (c *Client) applyNewest(ctx context.Context) {
	w, ok := c.conf.take()
	if !ok {
		return
	}
	c.mu.Lock()
	c.net.Capture = w.capture
	n := c.net
	c.mu.Unlock()
	err := c.routing.apply(ctx, n, w.link.Remote())
	if ctx.Err() != nil {
		return
	}
	if err := writeCache(c.cfg.StateDir, c.cfg.cachePath(), n); err != nil {
		c.log.Warn("cannot keep the configuration", zap.Error(err))
	}
	c.conf.applied(&w, err)
	if !w.first {
		return
	}
	c.log.Info("link up", zap.String(obs.FieldRemote, w.link.Remote().String()), zap.String(obs.FieldUser, n.User),
		zap.String(obs.FieldDevice, n.Device), zap.Stringers("addrs", n.Addrs), zap.Int("captured", len(n.Capture)))
	c.uplink.Linked()
}
