package state

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// view is the state as the watcher sees it grow. Its maps are shared with
// the last snapshot until they are touched.
type view struct {
	now     Snapshot
	routes  sorted[Route]
	capture sorted[netip.Prefix]
	own     map[string]bool // kinds whose map no snapshot shares
}

func newView() *view {
	return &view{
		now: Snapshot{
			Tunnels: map[string]Tunnel{}, Replicas: map[string]Replica{},
			Devices: map[string]Device{}, Tokens: map[string]Token{},
		},
		routes: newSorted(func(a, b Route) int {
			return cmp.Or(strings.Compare(a.VNet, b.VNet), a.Prefix.Addr().Compare(b.Prefix.Addr()), a.Prefix.Bits()-b.Prefix.Bits())
		}),
		capture: newSorted(func(a, b netip.Prefix) int { return cmp.Or(a.Addr().Compare(b.Addr()), a.Bits()-b.Bits()) }),
		own:     map[string]bool{},
	}
}

// apply takes one entry of the bucket in.
func (v *view) apply(e jetstream.KeyValueEntry) error {
	v.now.Revision = max(v.now.Revision, e.Revision())
	kind, id, _ := strings.Cut(e.Key(), ".")
	switch kind {
	case kindTunnel:
		return put(v, kind, &v.now.Tunnels, id, e)
	case kindReplica:
		return put(v, kind, &v.now.Replicas, id, e)
	case kindDevice:
		return put(v, kind, &v.now.Devices, id, e)
	case kindToken:
		return put(v, kind, &v.now.Tokens, id, e)
	case kindRoute:
		return v.routes.apply(id, e)
	case kindCapture:
		return v.capture.apply(id, e)
	case kindPolicy:
		return single(&v.now.Policy, e)
	case kindPlan:
		return single(&v.now.Plan, e)
	}
	return fmt.Errorf("read store: unknown key %q", e.Key())
}

// put sets or deletes one element of a kind's map, copying the map first when a snapshot shares it.
func put[T any](v *view, kind string, m *map[string]T, id string, e jetstream.KeyValueEntry) error {
	if !v.own[kind] {
		*m, v.own[kind] = maps.Clone(*m), true
	}
	if e.Operation() != jetstream.KeyValuePut {
		delete(*m, id)
		return nil
	}
	var value T
	if err := json.Unmarshal(e.Value(), &value); err != nil {
		return fmt.Errorf("read store: key %s: %w", e.Key(), err)
	}
	(*m)[id] = value
	return nil
}

func single[T any](p *T, e jetstream.KeyValueEntry) error {
	var value T
	if e.Operation() == jetstream.KeyValuePut {
		if err := json.Unmarshal(e.Value(), &value); err != nil {
			return fmt.Errorf("read store: key %s: %w", e.Key(), err)
		}
	}
	*p = value
	return nil
}

// snapshot freezes the view.
func (v *view) snapshot() *Snapshot {
	v.now.Routes, v.now.Capture = v.routes.snapshot(), v.capture.snapshot()
	v.own = map[string]bool{}
	sn := v.now
	return &sn
}

// follow turns what the watcher delivers into snapshots; a burst becomes one.
func (s *Store) follow(ctx context.Context, w jetstream.KeyWatcher) error {
	defer func() { _ = w.Stop() }()
	v, initial := newView(), true
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case e, ok := <-w.Updates():
			if !ok {
				return watcherEnded(ctx)
			}
			if e == nil { // all that was stored has been seen
				initial = false
				s.publish(v.snapshot())
				close(s.ready)
				continue
			}
			if err := v.apply(e); err != nil {
				s.cfg.Log.Error("ignored an entry of the store", zap.Error(err))
			}
			if !initial && len(w.Updates()) == 0 {
				s.publish(v.snapshot())
			}
		}
	}
}

// watcherEnded says why a watcher's channel was closed: it ends with ctx too.
func watcherEnded(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.New("watch store: the watcher ended")
}
