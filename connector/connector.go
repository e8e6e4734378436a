package connector

import (
	"context"
	"fmt"
	"sync"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/oneping/oneping/connector/host"
	"github.com/oneping/oneping/connector/tcp"
	"github.com/oneping/oneping/connector/udp"
	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// Connector is one connector. Make it with New, start it with Run, once.
type Connector struct {
	cfg      Config
	log      *zap.Logger
	home     *process.Home
	uplink   *node.Uplink
	counters packet.Counters
	host     *host.Host
	up       wayBack
	dispatch dispatch
	budget   *flow.Budget // of the memory of TCP flows

	mu       sync.Mutex
	welcomed *link.Link // nil: no link
	edge     string
	conf     proto.Config
}

// New checks cfg and returns a connector that has not touched anything yet.
func New(cfg Config) (*Connector, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Connector{
		cfg: cfg, log: cfg.Log, home: process.NewHome(proto.RoleConnector, cfg.StateDir, cfg.Log),
		budget: flow.NewBudget(flow.BudgetSize(cfg.Memory)),
	}
	c.host = host.New(host.Config{
		Routes: cfg.System, Allow: cfg.Allow, Deny: cfg.Deny, Single: cfg.Hops == HopsSingle, Counters: &c.counters,
	})
	c.uplink = node.NewUplink(cfg.Node, cfg.linkConfig(&c.counters))
	c.up.counters = &c.counters
	c.dispatch = dispatch{host: c.host, up: &c.up, counters: &c.counters, icmp: new(icmpNAT)}
	return c, nil
}

// Ready is closed when the first link has been welcomed.
func (c *Connector) Ready() <-chan struct{} { return c.uplink.Ready() }

// Run connects and serves until ctx ends; it never returns nil. On return all
// sockets are closed and every goroutine is gone.
func (c *Connector) Run(ctx context.Context) error {
	if limit, err := process.RaiseDescriptorLimit(); err != nil {
		c.log.Warn("few descriptors, few sessions", zap.Uint64("limit", limit), zap.Error(err))
	}
	defer c.home.Close()
	if err := c.takeHome(); err != nil {
		return fmt.Errorf("start connector: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	err := c.open(ctx, g)
	if err == nil {
		err = c.serveMetrics(ctx, g)
	}
	if err != nil {
		g.Go(func() error { return err }) // ends what has been opened
		return g.Wait()
	}
	g.Go(func() error { return c.uplink.Run(ctx, uplinkHandler{c}) })
	g.Go(func() error { return c.home.Serve(ctx, c.api()) })
	return g.Wait()
}

// takeHome takes the state directory and the local socket. Where the directory cannot
// be written the connector lives in memory, without a socket.
func (c *Connector) takeHome() error {
	if err := c.home.Lock(); process.Unwritable(err) {
		c.log.Warn("no state directory", zap.Error(err), obs.Hint(err))
	} else if err != nil {
		return err
	}
	if err := c.home.Listen(); process.Unwritable(err) {
		c.log.Warn("no local socket: connector status cannot ask this process", zap.Error(err), obs.Hint(err))
	} else if err != nil {
		return err
	}
	return nil
}

// open starts the rooms. Without ICMP the others still work.
func (c *Connector) open(ctx context.Context, g *errgroup.Group) error {
	sessions, err := c.cfg.System.UDP()
	if err != nil {
		return fmt.Errorf("start connector: %w", err)
	}
	c.dispatch.udp = udp.New(sessions, udp.Config{Host: c.host, Back: &c.up})
	g.Go(func() error { return c.dispatch.udp.Run(ctx) })
	flows, err := c.cfg.System.TCP()
	if err != nil {
		return fmt.Errorf("start connector: %w", err)
	}
	c.dispatch.tcp = tcp.New(flows, tcp.Config{Host: c.host, Budget: c.budget})
	g.Go(func() error { return c.dispatch.tcp.Run(ctx) })
	g.Go(func() error { return c.budget.Run(ctx) })
	c.openICMP(ctx, g)
	return nil
}
