// Package edge is the edge: it lets clients and connectors in, decides who may
// reach what, routes by prefix to a connector, and answers as a router.
//
//	model     what is desired, as plain data: tunnels, routes, devices, policy
//	state     keeps that
//	identity  who may connect
//	relay     what moves, with route and policy
//	admin     what people ask and change
//
// This package wires them. An Edge is made with New and lives in Run.
package edge

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/oneping/oneping/edge/identity"
	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/edge/relay"
	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/internal/memory"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/proto"
)

// upkeepEvery is how often connected nodes are noted as seen and connectors that left are forgotten.
const upkeepEvery = time.Minute

// windowShare is the part of the process's memory that the links' receive windows may be together: an eighth.
const windowShare = 8

// Edge is one edge process.
type Edge struct {
	cfg       Config
	store     *state.Store
	authority *identity.Authority
	denials   *policy.Log
	watch     *watchdog
	policies  *policy.Compiler
	policy    atomic.Pointer[policy.Compiled] // in force
	ready     chan struct{}
	started   time.Time

	// Made by Run, before it is ready.
	hops     []netip.Addr
	relay    *relay.Relay
	listener *path.Listener
	acceptor *Acceptor

	applied  applied
	captured captureList
}

// New checks cfg. It touches neither disk nor network.
func New(cfg Config) (*Edge, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.Log = obs.LimitStrangers(cfg.Log)
	e := &Edge{cfg: cfg, denials: policy.NewLog(), policies: new(policy.Compiler), ready: make(chan struct{})}
	e.policy.Store(new(policy.Compiled))
	e.store = state.New(state.Config{
		Dir: cfg.StateDir, Remote: cfg.Store, Prefix4: cfg.Prefix4, Prefix6: cfg.Prefix6, Reserved: cfg.Hops,
		Rest: addressRest(cfg.Idle), Captured: len(cfg.Capture) + maxHops, Log: cfg.Log.Named("state"),
	})
	e.watch = &watchdog{
		limit: cfg.Memory, read: memory.Read, collect: runtime.GC, release: debug.FreeOSMemory, links: e.holders, log: cfg.Log.Named("memory"),
	}
	e.authority = identity.New(identity.Config{
		Dir: cfg.StateDir, Store: e.store, Advertise: e.advertise, Memory: cfg.Memory, Short: e.watch.short.Load, Log: cfg.Log.Named("identity"),
	})
	return e, nil
}

// Ready is closed when nodes can connect and the local socket answers.
func (e *Edge) Ready() <-chan struct{} { return e.ready }

// Run runs the edge until ctx ends: first the store, then who reads it; they
// end in the opposite order. It never returns nil.
func (e *Edge) Run(ctx context.Context) error {
	if err := process.MakeStateDir(e.cfg.StateDir); err != nil {
		return err
	}
	e.started = time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	storeCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	stored := make(chan error, 1)
	go func() {
		err := e.store.Run(storeCtx)
		cancel(err) // nothing works without it
		stored <- err
	}()
	err := e.serve(ctx)
	stop()
	storeErr := <-stored
	if errors.Is(err, context.Canceled) && !errors.Is(storeErr, context.Canceled) {
		return storeErr
	}
	return err
}

// serve runs everything that needs the store.
func (e *Edge) serve(ctx context.Context) error {
	select {
	case <-e.store.Ready():
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := e.open(ctx); err != nil {
		return err
	}
	defer func() { _ = e.listener.Close() }()                          // after every link has ended
	home := process.NewHome(proto.RoleEdge, e.cfg.StateDir, e.cfg.Log) // locked by the store
	defer home.Close()
	if err := home.Listen(); process.Full(err) || errors.Is(err, syscall.EROFS) {
		e.cfg.Log.Error("no local socket: commands cannot ask this edge until it is restarted", zap.Error(err), obs.Hint(process.NoRoom(e.cfg.StateDir, err)))
	} else if err != nil {
		return err
	}
	metrics, err := e.listenMetrics()
	if err != nil {
		return err
	}
	const role = string(proto.RoleEdge)
	reg := obs.NewRegistry(role, e.cfg.Version)
	reg.MustRegister(
		obs.NewPackets(role, e.relay.Counters()),
		obs.NewGauge(role, "udp_sessions", "UDP sessions that live now.", e.relay.Sessions),
		obs.NewGauge(role, "tcp_flows", "TCP flows that are open now.", e.relay.Flows),
	)
	g, ctx := errgroup.WithContext(ctx)
	if metrics != nil {
		g.Go(func() error { return obs.ServeMetrics(ctx, metrics, reg, e.cfg.Log) })
	}
	g.Go(func() error { return e.relay.Run(ctx) })
	g.Go(func() error { return e.store.Watch(ctx, e.changed) })
	g.Go(func() error { return e.acceptor.Run(ctx) })
	g.Go(func() error { return e.upkeep(ctx) })
	g.Go(func() error { return e.tellDenials(ctx) })
	g.Go(func() error { return e.watch.Run(ctx) })
	e.cfg.Log.Info("edge ready", zap.Stringer(obs.FieldListen, e.listener.Addr()), zap.Stringers("hops", e.hops), zap.String(obs.FieldStateDir, e.cfg.StateDir))
	close(e.ready)
	g.Go(func() error { return home.Serve(ctx, e.handler(obs.Handler(reg))) })
	return g.Wait()
}

// open makes the relay, its first state and the listener.
func (e *Edge) open(ctx context.Context) error {
	if err := e.authority.Load(); err != nil {
		return err
	}
	if err := e.chooseHops(ctx); err != nil {
		return err
	}
	e.relay = relay.New(relay.Config{
		Hops: e.hops, Silent: e.cfg.Silent, MTU: e.cfg.MTU, Idle: e.cfg.Idle, FlowMemory: flow.BudgetSize(e.cfg.Memory), Denials: e.denials,
	})
	if err := state.CheckCapture(len(e.capture(e.store.Snapshot()))); err != nil {
		return captureError(err)
	}
	e.apply(e.store.Snapshot())
	key := e.authority.ResetKey()
	ln, err := path.Listen(e.cfg.Listen, path.Config{
		TLS: e.authority.ServerTLS(), ResetKey: &key, RequireRetry: e.authority.RequireRetry, Admit: e.authority.Admit,
		Grow: func() bool { return !e.watch.short.Load() }, Windows: e.cfg.Memory / windowShare, Tally: e.relay.Counters(), Log: e.cfg.Log.Named("link"),
	})
	if err != nil {
		return process.ListenError("udp", e.cfg.Listen, "listen", err)
	}
	e.listener = ln
	e.acceptor = &Acceptor{Listener: ln, Relay: e.relay, Log: e.cfg.Log, Gate: gate{e}}
	return nil
}

// upkeep does what the clock asks for.
func (e *Edge) upkeep(ctx context.Context) error {
	t := time.NewTicker(upkeepEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
			obs.Flush(e.cfg.Log)
			e.acceptor.Touch(ctx)
			if _, err := e.store.ForgetConnectors(ctx, e.connected); err != nil && ctx.Err() == nil {
				e.cfg.Log.Warn("cannot forget connectors that left", zap.Error(err))
			}
			if _, err := e.store.ForgetDevices(ctx); err != nil && ctx.Err() == nil {
				e.cfg.Log.Warn("cannot forget deleted devices", zap.Error(err))
			}
			if _, err := e.store.ForgetTokens(ctx); err != nil && ctx.Err() == nil {
				e.cfg.Log.Warn("cannot forget old tokens", zap.Error(err))
			}
		}
	}
}

// holders returns the links that may hold memory.
func (e *Edge) holders() []holder {
	links := e.acceptor.links.all()
	out := make([]holder, len(links))
	for i, l := range links {
		out[i] = l
	}
	return out
}

// connected says whether a connector has a link now.
func (e *Edge) connected(id string) bool {
	r, ok := e.store.Snapshot().Connectors[id]
	return ok && e.acceptor.nodes.get(proto.Identity{Role: proto.RoleConnector, ID: id, Tunnel: r.Tunnel}) != nil
}
