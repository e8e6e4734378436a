package client

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"

	"go.uber.org/zap"

	"github.com/oneping/oneping/client/osroute"
	"github.com/oneping/oneping/internal/obs"
)

// routes is what the client changes on the host. The zero value changes nothing: a client with a device of its own.
type routes struct {
	log *zap.Logger

	mu      sync.Mutex
	router  *osroute.Router // nil: the host is left alone
	cfg     osroute.Config
	wanted  bool // cfg has been filled by apply
	inForce bool // the last apply succeeded
	stopped bool
	changed chan struct{} // the configuration is worth watching over
}

func (r *routes) start(router *osroute.Router, cfg osroute.Config) {
	r.router, r.cfg, r.changed = router, cfg, make(chan struct{})
}

// apply makes the host's routing what the edge wants. underlay is where the link goes, nil while it is unknown.
func (r *routes) apply(ctx context.Context, n network, underlay []netip.AddrPort) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.router == nil || r.stopped {
		return nil
	}
	r.cfg.Addrs = r.cfg.Addrs[:0:0]
	for _, a := range n.Addrs {
		r.cfg.Addrs = append(r.cfg.Addrs, netip.PrefixFrom(a, a.BitLen()))
	}
	r.cfg.Capture, r.cfg.Hops = slices.Clone(n.Capture), slices.Clone(n.Hops)
	if underlay != nil {
		r.cfg.Underlay = underlay
	}
	if !r.wanted {
		r.wanted = true
		close(r.changed)
	}
	err := r.router.Apply(ctx, r.cfg)
	r.inForce = err == nil
	return err
}

// capturing says whether the host sends what the edge wants captured into the device.
func (r *routes) capturing() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.router == nil || r.inForce && !r.stopped
}

// watch applies again whenever the host's network changes, and tells changed of it.
func (r *routes) watch(ctx context.Context, changed func()) error {
	if r.router == nil {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-r.changed:
	}
	err := r.router.Watch(ctx, func() {
		r.again(ctx)
		changed()
	})
	if ctx.Err() == nil { // the client is useful without it
		r.log.Warn("network changes are not noticed", zap.Error(err), obs.Hint(err))
		<-ctx.Done()
	}
	return context.Cause(ctx)
}

// again applies what was applied last.
func (r *routes) again(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return
	}
	if err := r.router.Apply(ctx, r.cfg); err != nil && !errors.Is(err, context.Canceled) {
		r.log.Warn("cannot apply routing after a network change", zap.Error(err), obs.Hint(err))
	}
}

// stop undoes everything; nothing is applied afterwards.
func (r *routes) stop() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	if r.router == nil {
		return nil
	}
	return r.router.Undo()
}

// warnings returns what the host should be told.
func (r *routes) warnings() []osroute.Warning {
	if r.router == nil {
		return nil
	}
	return r.router.Warnings()
}

// device returns the name of the TUN device, "" where there is none.
func (r *routes) device() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cfg.Device
}
