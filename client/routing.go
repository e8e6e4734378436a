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

// hostRouting is what the client changes on the host, as the edge and the host's
// network change. Until start it changes nothing. Lock order: applying, mu.
type hostRouting struct {
	log    *zap.Logger
	router Router
	dev    *lastingDevice

	// applying is held for one change of the host at a time.
	applying sync.Mutex
	moved    chan struct{} // 1: the host's network has changed since the last apply
	changed  chan struct{} // closed: the configuration is worth watching over

	// mu guards what follows.
	mu      sync.Mutex
	cfg     osroute.Config
	wanted  bool  // cfg has been filled by apply
	inForce bool  // the last apply succeeded
	fault   error // why it did not
	stopped bool
}

// start comes before everything else, while no other goroutine is there.
func (r *hostRouting) start(dev *lastingDevice, cfg osroute.Config, log *zap.Logger) {
	r.dev, r.cfg, r.log = dev, cfg, log
	r.changed, r.moved = make(chan struct{}), make(chan struct{}, 1)
}

// apply makes the host's routing what the edge wants. edges are where the link goes, or may go. It
// may take seconds; what asks about the routes does not wait for it.
func (r *hostRouting) apply(ctx context.Context, n network, edges ...netip.AddrPort) error {
	r.applying.Lock()
	defer r.applying.Unlock()
	cfg, ok := r.want(n, edges)
	if !ok {
		return nil
	}
	return r.change(ctx, cfg)
}

// change makes the host what cfg says, and notes and logs whether it is. What stays as it is is not
// said again. The caller holds applying.
func (r *hostRouting) change(ctx context.Context, cfg osroute.Config) error {
	number := r.dev.number()
	err := r.router.Apply(ctx, cfg)
	if ctx.Err() != nil {
		return err
	}
	if errors.Is(err, osroute.ErrNoDevice) {
		r.dev.renew(number)
	}
	r.mu.Lock()
	before := r.fault
	r.inForce, r.fault = err == nil, err
	r.mu.Unlock()
	switch {
	case err != nil && (before == nil || before.Error() != err.Error()):
		r.log.Error("cannot capture what the edge wants", zap.Error(err), obs.Hint(err))
	case err == nil && before != nil:
		r.log.Info("captures again what the edge wants")
	}
	return err
}

// want notes what the edge wants; false: the host is to be left alone.
func (r *hostRouting) want(n network, edges []netip.AddrPort) (osroute.Config, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return osroute.Config{}, false
	}
	r.cfg.Addrs = r.cfg.Addrs[:0:0]
	for _, a := range n.Addrs {
		r.cfg.Addrs = append(r.cfg.Addrs, netip.PrefixFrom(a, a.BitLen()))
	}
	r.cfg.Capture, r.cfg.Hops = n.Capture, slices.Clone(n.Hops)
	r.toward(edges)
	if !r.wanted {
		r.wanted = true
		close(r.changed)
	}
	return r.cfg, true
}

// maxEdges bounds the addresses of edges whose answers the host accepts: those dialled last.
const maxEdges = 32

// toward notes that edges are dialled, and says whether one of them is new. The caller holds mu.
func (r *hostRouting) toward(edges []netip.AddrPort) bool {
	isNew := false
	list := slices.Clone(r.cfg.Underlay)
	for _, e := range edges {
		e = netip.AddrPortFrom(e.Addr().Unmap().WithZone(""), e.Port())
		if !e.IsValid() {
			continue
		}
		at := slices.Index(list, e)
		if isNew = isNew || at < 0; at >= 0 {
			list = slices.Delete(list, at, at+1)
		}
		list = append(list, e)
	}
	r.cfg.Underlay = list[max(0, len(list)-maxEdges):]
	return isNew
}

// dialling readies the host for answers of edges before they are dialled: with a strict rp_filter
// it drops those from addresses that are captured.
func (r *hostRouting) dialling(ctx context.Context, edges []netip.AddrPort) {
	r.applying.Lock()
	defer r.applying.Unlock()
	r.mu.Lock()
	isNew := r.toward(edges)
	cfg, ok := r.cfg, r.wanted && !r.stopped
	r.mu.Unlock()
	if ok && isNew {
		_ = r.change(ctx, cfg) // which says what is wrong
	}
}

// capturing says whether the host sends what the edge wants captured into the device, and why not.
func (r *hostRouting) capturing() (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inForce && !r.stopped, r.fault
}

// watch notes in moved whenever the host's network changes, and tells changed of it.
func (r *hostRouting) watch(ctx context.Context, changed func()) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-r.changed:
	}
	err := r.router.Watch(ctx, func() {
		r.poke()
		changed()
	})
	if ctx.Err() == nil { // the client is useful without it
		r.log.Warn("network changes are not noticed", zap.Error(err), obs.Hint(err))
		<-ctx.Done()
	}
	return context.Cause(ctx)
}

// again applies what was applied last, and returns what it says.
func (r *hostRouting) again(ctx context.Context) error {
	r.applying.Lock()
	defer r.applying.Unlock()
	r.mu.Lock()
	cfg, ok := r.cfg, r.wanted && !r.stopped
	r.mu.Unlock()
	if !ok {
		return nil
	}
	return r.change(ctx, cfg)
}

// remade is called when the device was made anew.
func (r *hostRouting) remade(name string) {
	r.mu.Lock()
	r.cfg.Device = name
	r.mu.Unlock()
	r.poke()
}

// poke has the host made what is wanted once more.
func (r *hostRouting) poke() {
	select {
	case r.moved <- struct{}{}:
	default:
	}
}

// inherited says that a client before this one has left rules that capture.
func (r *hostRouting) inherited() bool { return r.router != nil && r.router.Inherited() }

// stop undoes everything, unless keep leaves it as after a crash: captured prefixes are
// unreachable. Nothing is applied afterwards.
func (r *hostRouting) stop(keep bool) error {
	r.mu.Lock()
	r.stopped = true
	r.mu.Unlock()
	r.applying.Lock()
	defer r.applying.Unlock()
	if keep {
		return nil
	}
	return r.router.Undo()
}

// warnings returns what the host should be told.
func (r *hostRouting) warnings() []osroute.Warning {
	if r.router == nil { // not started yet
		return nil
	}
	return r.router.Warnings()
}

// device returns the name of the TUN device.
func (r *hostRouting) device() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cfg.Device
}
