package edge

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/relay"
	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/proto"
)

// welcome returns what a node is told: at its hello, and again when it changed.
func (e *Edge) welcome(id proto.Identity) (proto.Welcome, error) {
	e.apply(e.store.Snapshot()) // a node that enrolled a moment ago may be newer than the last apply
	sn := e.store.Snapshot()
	w := proto.Welcome{
		Edge: e.authority.ID(), Version: e.cfg.Version, Hops: e.hops, Edges: e.cfg.Advertise,
		Config: proto.Config{IdleSeconds: e.cfg.Idle, Device: id.ID},
	}
	if id.Role == proto.RoleConnector {
		t, ok := sn.Tunnels[id.Tunnel]
		if !ok {
			return w, relay.ErrGone
		}
		w.Tunnel = t.Name
		return w, nil
	}
	d, ok := sn.Devices[id.ID]
	if !ok || d.Revoked {
		return w, relay.ErrGone
	}
	w.User, w.Addrs, w.Capture = d.User, d.Addrs(), e.capture(sn)
	return w, nil
}

// captureList is what clients take off their hosts, as it is sent. The zero value is empty.
type captureList struct {
	mu     sync.Mutex
	stored []netip.Prefix // the list of the store that sent was made of
	sent   []netip.Prefix // nil: not made yet
}

// capture lists what clients take off their hosts: what is configured, every prefix ever routed,
// and the hop addresses. Each stored list is compiled once, for all nodes and until it changes:
// it is long, and asked for at every change of anything.
func (e *Edge) capture(sn *model.Snapshot) []netip.Prefix {
	l := &e.captured
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sent != nil && same(sn.Capture, l.stored) {
		return l.sent
	}
	// What every host keeps is there where an earlier version took it: no client could capture it.
	keeps := func(p netip.Prefix) bool { return hop.Kept(p) != "" }
	out := slices.DeleteFunc(slices.Concat(e.cfg.Capture, sn.Capture), keeps)
	for _, a := range e.hops {
		out = append(out, netip.PrefixFrom(a, a.BitLen()))
	}
	slices.SortFunc(out, netip.Prefix.Compare)
	l.stored, l.sent = sn.Capture, slices.Compact(out)
	return l.sent
}
