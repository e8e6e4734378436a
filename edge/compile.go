package edge

import (
	"cmp"
	"net/netip"
	"reflect"
	"slices"

	"go.uber.org/zap"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/edge/relay"
	"github.com/oneping/oneping/edge/route"
	"github.com/oneping/oneping/proto"
)

// view is the part of a snapshot that nodes notice: "last seen" and tokens
// change often and are no part of it.
type view struct {
	decisive
	capture []netip.Prefix // nodes are told; to the relay it is nothing
}

// decisive is the part that the relay decides by.
type decisive struct {
	routes   []model.Route
	policy   model.Policy
	tunnels  map[string]model.Tunnel
	devices  []relay.Device
	replicas []relay.Replica
}

func viewOf(sn *model.Snapshot) *view {
	v := &view{decisive{routes: sn.Routes, policy: sn.Policy, tunnels: sn.Tunnels}, sn.Capture}
	for _, d := range sn.Devices {
		if !d.Revoked {
			v.devices = append(v.devices, relay.Device{ID: d.ID, User: d.User, Addrs: d.Addrs()})
		}
	}
	for _, r := range sn.Connectors {
		if _, ok := sn.Tunnels[r.Tunnel]; ok && !r.Revoked {
			v.replicas = append(v.replicas, relay.Replica{ID: r.ID, Tunnel: r.Tunnel})
		}
	}
	slices.SortFunc(v.devices, func(a, b relay.Device) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(v.replicas, func(a, b relay.Replica) int { return cmp.Compare(a.ID, b.ID) })
	return v
}

// apply brings the relay to a snapshot. One that is not newer than the last is
// ignored; calls may be concurrent.
func (e *Edge) apply(sn *model.Snapshot) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if sn == nil || e.view != nil && sn.Revision <= e.revision {
		return
	}
	e.revision = sn.Revision
	v := viewOf(sn)
	first := e.view == nil
	if first || !reflect.DeepEqual(v.policy, e.view.policy) || !reflect.DeepEqual(v.tunnels, e.view.tunnels) {
		e.compilePolicy(v)
	}
	if first || !reflect.DeepEqual(v.decisive, e.view.decisive) {
		e.stale = true
		e.relay.SetState(relay.State{FIB: route.Compile(v.routes), Policy: e.policy.Load(), Devices: v.devices, Replicas: v.replicas})
	}
	e.stale = e.stale || !same(v.capture, e.view.capture)
	e.view = v
}

// changed follows the store.
func (e *Edge) changed(sn *model.Snapshot) error {
	e.apply(sn)
	e.mu.Lock()
	stale := e.stale
	e.stale = false
	e.mu.Unlock()
	if stale {
		e.acceptor.Refresh()
	}
	return nil
}

// compilePolicy replaces the compiled policy. One that the store should never
// have taken leaves the present one in force; at the start that one denies everything.
func (e *Edge) compilePolicy(v *view) {
	p, err := policy.Compile(v.policy, v.tunnels)
	if err != nil {
		e.cfg.Log.Error("the stored policy is not usable, the one before stays in force", zap.Error(err))
		return
	}
	e.policy.Store(p)
}

// welcome returns what a node is told: at its hello, and again when it changed.
func (e *Edge) welcome(id proto.Identity) (proto.Welcome, error) {
	e.apply(e.store.Snapshot()) // a node that enrolled a moment ago may be newer than the last apply
	sn := e.store.Snapshot()
	w := proto.Welcome{
		Edge: e.authority.ID(), Version: e.cfg.Version, Hops: e.hops,
		Config: proto.Config{Silent: e.cfg.Silent, IdleSeconds: e.cfg.Idle, Device: id.ID},
	}
	if id.Role == proto.RoleConnector {
		t, ok := sn.Tunnels[id.Tunnel]
		if !ok {
			return w, goneError{}
		}
		w.Tunnel = t.Name
		return w, nil
	}
	d, ok := sn.Devices[id.ID]
	if !ok || d.Revoked {
		return w, goneError{}
	}
	w.User, w.Addrs, w.Capture = d.User, d.Addrs(), e.capture(sn)
	return w, nil
}

// capture lists what clients take off their hosts: what is configured, every
// prefix ever routed, and the hop addresses. Each stored list is compiled once,
// for all nodes and until it changes: it is long, and asked for at every change of anything.
func (e *Edge) capture(sn *model.Snapshot) []netip.Prefix {
	e.captureMu.Lock()
	defer e.captureMu.Unlock()
	if e.captured != nil && same(sn.Capture, e.captureOf) {
		return e.captured
	}
	out := slices.Concat(e.cfg.Capture, sn.Capture)
	for _, a := range e.hops {
		out = append(out, netip.PrefixFrom(a, a.BitLen()))
	}
	slices.SortFunc(out, netip.Prefix.Compare)
	e.captureOf, e.captured = sn.Capture, slices.Compact(out)
	return e.captured
}

// goneError is about a node that was revoked between its handshake and its hello.
type goneError struct{}

func (goneError) Error() string { return "revoked or deleted by an administrator" }

// Code returns what the link is closed with.
func (goneError) Code() proto.Code { return proto.CodeRevoked }
