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

	applying sync.Mutex    // one change of the host at a time; never taken with mu held
	moved    chan struct{} // 1: the host's network has changed since the last apply

	mu      sync.Mutex
	router  *osroute.Router // nil: the host is left alone
	cfg     osroute.Config
	wanted  bool // cfg has been filled by apply
	inForce bool // the last apply succeeded
	stopped bool
	changed chan struct{} // the configuration is worth watching over
}

func (r *routes) start(router *osroute.Router, cfg osroute.Config) {
	r.router, r.cfg, r.changed, r.moved = router, cfg, make(chan struct{}), make(chan struct{}, 1)
}

// apply makes the host's routing what the edge wants. underlay is where the link goes, nil while it is unknown. It may
// take seconds; what asks about the routes does not wait for it.
func (r *routes) apply(ctx context.Context, n network, underlay []netip.AddrPort) error {
	r.applying.Lock()
	defer r.applying.Unlock()
	cfg, ok := r.want(n, underlay)
	if !ok {
		return nil
	}
	err := r.router.Apply(ctx, cfg)
	r.mu.Lock()
	r.inForce = err == nil
	r.mu.Unlock()
	return err
}

// want notes what the edge wants; false: the host is to be left alone.
func (r *routes) want(n network, underlay []netip.AddrPort) (osroute.Config, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.router == nil || r.stopped {
		return osroute.Config{}, false
	}
	r.cfg.Addrs = r.cfg.Addrs[:0:0]
	for _, a := range n.Addrs {
		r.cfg.Addrs = append(r.cfg.Addrs, netip.PrefixFrom(a, a.BitLen()))
	}
	r.cfg.Capture, r.cfg.Hops = n.Capture, slices.Clone(n.Hops)
	if underlay != nil {
		r.cfg.Underlay = underlay
	}
	if !r.wanted {
		r.wanted = true
		close(r.changed)
	}
	return r.cfg, true
}

// capturing says whether the host sends what the edge wants captured into the device.
func (r *routes) capturing() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.router == nil || r.inForce && !r.stopped
}

// watch notes in moved whenever the host's network changes, and tells changed of it.
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
		select {
		case r.moved <- struct{}{}:
		default:
		}
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
	r.applying.Lock()
	defer r.applying.Unlock()
	r.mu.Lock()
	cfg, stopped := r.cfg, r.stopped
	r.mu.Unlock()
	if stopped {
		return
	}
	if err := r.router.Apply(ctx, cfg); err != nil && !errors.Is(err, context.Canceled) {
		r.log.Warn("cannot apply routing after a network change", zap.Error(err), obs.Hint(err))
	}
}

// stop undoes everything; nothing is applied afterwards.
func (r *routes) stop() error {
	r.mu.Lock()
	r.stopped = true
	r.mu.Unlock()
	if r.router == nil {
		return nil
	}
	r.applying.Lock()
	defer r.applying.Unlock()
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
