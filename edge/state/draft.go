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

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/state/journal"
)

// draft is the state as the watcher sees it grow. Its maps are shared with
// the last snapshot until they are touched.
type draft struct {
	now     model.Snapshot
	routes  sorted[model.Route]
	capture sorted[netip.Prefix]
	own     map[string]bool // kinds whose map no snapshot shares
}

func newDraft() *draft {
	return &draft{
		now: model.Snapshot{
			Tunnels: map[string]model.Tunnel{}, Connectors: map[string]model.Connector{},
			Devices: map[string]model.Device{}, Tokens: map[string]model.Token{},
		},
		routes: newSorted(func(a, b model.Route) int {
			return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), a.Prefix.Bits()-b.Prefix.Bits())
		}),
		capture: newSorted(func(a, b netip.Prefix) int { return cmp.Or(a.Addr().Compare(b.Addr()), a.Bits()-b.Bits()) }),
		own:     map[string]bool{},
	}
}

// apply takes one entry of the bucket in.
func (d *draft) apply(e jetstream.KeyValueEntry) error {
	d.now.Revision = max(d.now.Revision, e.Revision())
	kind, id, _ := strings.Cut(e.Key(), ".")
	switch kind {
	case kindTunnel:
		d.now.Changed.Tunnels = d.now.Revision
		return put(d, kind, &d.now.Tunnels, id, e)
	case kindConnector:
		d.now.Changed.Connectors = d.now.Revision
		return put(d, kind, &d.now.Connectors, id, e)
	case kindDevice:
		d.now.Changed.Devices = d.now.Revision
		return put(d, kind, &d.now.Devices, id, e)
	case kindToken:
		return put(d, kind, &d.now.Tokens, id, e)
	case kindRoute:
		d.now.Changed.Routes = d.now.Revision
		return d.routes.apply(id, e)
	case kindCapture:
		d.now.Changed.Capture = d.now.Revision
		return d.capture.apply(id, e)
	case kindPolicy:
		d.now.Changed.Policy = d.now.Revision
		return single(&d.now.Policy, e)
	case kindPlan:
		return single(&d.now.Plan, e)
	}
	return fmt.Errorf("read store: unknown key %q", e.Key())
}

// put sets or deletes one element of a kind's map, copying the map first when a snapshot shares it.
func put[T any](d *draft, kind string, m *map[string]T, id string, e jetstream.KeyValueEntry) error {
	if !d.own[kind] {
		*m, d.own[kind] = maps.Clone(*m), true
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

// snapshot freezes the draft.
func (d *draft) snapshot() *model.Snapshot {
	d.now.Routes, d.now.Capture = d.routes.snapshot(), d.capture.snapshot()
	d.own = map[string]bool{}
	sn := d.now
	return &sn
}

// follow turns what the watcher of a session delivers into snapshots; a burst becomes one. Nothing is
// served, or acknowledged, before the journal has it.
func (s *Store) follow(ctx context.Context, x *session, w jetstream.KeyWatcher, d *draft) error {
	var burst []journal.Record
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case e, ok := <-w.Updates():
			if !ok {
				return watcherEnded(ctx)
			}
			if e == nil {
				continue
			}
			s.take(d, e)
			if burst = append(burst, recordOf(e)); len(w.Updates()) > 0 && len(burst) < maxBurst {
				continue
			}
			s.note(x, burst)
			burst = nil
			s.publish(d.snapshot())
		}
	}
}

// take applies an entry. One that cannot be read is left out: the others are good.
func (s *Store) take(d *draft, e jetstream.KeyValueEntry) {
	if err := d.apply(e); err != nil {
		s.cfg.Log.Error("ignored an entry of the store", zap.Error(err))
	}
}

// watcherEnded says why a watcher's channel was closed: it ends with ctx too.
func watcherEnded(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.New("watch store: the watcher ended")
}
