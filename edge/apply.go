package edge

import (
	"cmp"
	"slices"
	"sync"

	"go.uber.org/zap"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/relay"
	"github.com/oneping/oneping/edge/route"
)

// applied is what of the desired state is in force. Its lock serialises apply and is taken before
// the relay's.
type applied struct {
	mu       sync.Mutex
	begun    bool   // the first snapshot was applied
	revision uint64 // of the store
	changed  model.Changed
	relay    relay.State // what the relay was told last
	stale    bool        // nodes have not been told of what they notice
}

// apply brings the relay to a snapshot. One that is not newer than the last is ignored; calls may
// be concurrent. What did not change since the last one is taken over and not looked at: sightings
// and tokens change often, and a device is one among thousands.
func (e *Edge) apply(sn *model.Snapshot) {
	a := &e.applied
	a.mu.Lock()
	defer a.mu.Unlock()
	if sn == nil || a.begun && !newer(sn, a) {
		return
	}
	first, was, is := !a.begun, a.changed, sn.Changed
	a.begun, a.revision, a.changed = true, sn.Revision, is
	tunnels := first || is.Tunnels != was.Tunnels
	policies := tunnels || is.Policy != was.Policy
	routes := first || is.Routes != was.Routes
	held := is.Held != was.Held
	devices := first || held || is.Devices != was.Devices
	connectors := tunnels || held || is.Connectors != was.Connectors
	if policies {
		e.compilePolicy(sn)
		a.relay.Policy = e.policy.Load()
	}
	if routes {
		a.relay.FIB = route.Compile(sn.Routes)
	}
	if devices {
		a.relay.Devices = devicesOf(sn)
	}
	if connectors {
		a.relay.Connectors = connectorsOf(sn)
	}
	if policies || routes || devices || connectors {
		e.relay.SetState(a.relay)
		a.stale = true
	}
	a.stale = a.stale || is.Capture != was.Capture // of which nodes are told; to the relay it is nothing
}

// newer says whether sn has something that is not applied.
func newer(sn *model.Snapshot, a *applied) bool {
	return sn.Revision > a.revision || sn.Revision == a.revision && sn.Changed.Held > a.changed.Held
}

// changed follows the store.
func (e *Edge) changed(sn *model.Snapshot) error {
	e.apply(sn)
	e.applied.mu.Lock()
	stale := e.applied.stale
	e.applied.stale = false
	e.applied.mu.Unlock()
	if stale {
		e.acceptor.Refresh()
	}
	return nil
}

// compilePolicy replaces the compiled policy. One that the store should never have taken leaves the
// present one in force; at the start that one denies everything.
func (e *Edge) compilePolicy(sn *model.Snapshot) {
	p, err := e.policies.Compile(sn.Policy, sn.Tunnels)
	if err != nil {
		e.cfg.Log.Error("the stored policy is not usable, the one before stays in force", zap.Error(err))
		return
	}
	e.policy.Store(p)
}

// devicesOf returns the devices that may connect, by id.
func devicesOf(sn *model.Snapshot) []relay.Device {
	out := make([]relay.Device, 0, len(sn.Devices))
	for _, d := range sn.Devices {
		if !d.Revoked {
			out = append(out, relay.Device{ID: d.ID, User: d.User, Addrs: d.Addrs()})
		}
	}
	slices.SortFunc(out, func(a, b relay.Device) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// connectorsOf returns the connectors that may connect, by id.
func connectorsOf(sn *model.Snapshot) []relay.Connector {
	out := make([]relay.Connector, 0, len(sn.Connectors))
	for _, c := range sn.Connectors {
		if _, ok := sn.Tunnels[c.Tunnel]; ok && !c.Revoked {
			out = append(out, relay.Connector{ID: c.ID, Tunnel: c.Tunnel})
		}
	}
	slices.SortFunc(out, func(a, b relay.Connector) int { return cmp.Compare(a.ID, b.ID) })
	return out
}
