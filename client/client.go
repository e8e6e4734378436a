package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/oneping/oneping/client/osroute"
	"github.com/oneping/oneping/client/path"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/proto"
)

// Client is one client. Make it with New, start it with Run, once.
type Client struct {
	cfg    Config
	log    *zap.Logger
	home   *process.Home
	uplink *node.Uplink

	dev    *lastingDevice
	stack  Stack
	path   *path.Path
	budget *flow.Budget // bounds the memory of TCP flows

	routing hostRouting
	conf    configuration

	// mu guards what follows.
	mu  sync.Mutex
	net network // as the edge last said, or as it was kept
}

// New checks cfg and returns a client that has not touched anything yet.
func New(cfg Config) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	budget := flow.NewBudget(flow.BudgetSize(cfg.Memory))
	c := &Client{
		cfg: cfg, log: cfg.Log, home: process.NewHome(proto.RoleClient, cfg.StateDir, cfg.Log),
		path: path.New(budget), budget: budget, conf: newConfiguration(),
	}
	linkCfg := cfg.linkConfig(c.path.Tally())
	linkCfg.Underlay = beneath{linkCfg.Underlay, c.owns}
	c.uplink = node.NewUplink(cfg.Node, linkCfg)
	return c, nil
}

// Ready is closed when the first answer of an edge has been applied: packets cross.
func (c *Client) Ready() <-chan struct{} { return c.uplink.Ready() }

// Run brings the client up and keeps it up until ctx ends; it never returns
// nil. On return device and every goroutine are gone; so are routes and rules where ctx has ended,
// and where there were none before a client that could not start. One that ends by itself
// otherwise leaves what it captured unreachable: see keeps.
func (c *Client) Run(ctx context.Context) error {
	defer c.home.Close()
	asked := ctx
	if err := c.open(); err != nil {
		return fmt.Errorf("start client: %w", c.keptError(asked, err))
	}
	g, ctx := errgroup.WithContext(ctx)
	c.startRoutes(ctx)
	g.Go(func() error { return c.path.RunDevice(ctx) })
	g.Go(func() error { return c.runUplink(ctx) })
	g.Go(func() error { return c.path.RunSweeper(ctx) })
	g.Go(func() error { return c.budget.Run(ctx) })
	g.Go(func() error { return c.runApply(ctx) })
	g.Go(func() error { return c.routing.watch(ctx, func() { c.networkChanged(ctx) }) })
	g.Go(func() error { return c.teardown(ctx, asked) })
	g.Go(func() error { return c.home.Serve(ctx, c.api()) })
	return c.keptError(asked, g.Wait())
}

// keeps says that what is captured stays so, although this client ends: nobody asked it to, and it
// was up, or a client before it was killed and has left rules that hold.
func (c *Client) keeps(asked context.Context) bool {
	up := false
	select {
	case <-c.Ready():
		up = true
	default:
	}
	return asked.Err() == nil && (up || c.routing.inherited())
}

// keptError adds to err, where captured prefixes stay unreachable, what ends that.
func (c *Client) keptError(asked context.Context, err error) error {
	if !c.keeps(asked) {
		return err
	}
	hint := "what was captured stays unreachable until a client runs here again, or until: oneping client repair"
	if own := advice.Of(err); own != "" {
		hint = own + "; " + hint
	}
	return &advice.Error{Text: err.Error(), Advice: hint, Cause: err}
}

// runUplink enrols where that is due and keeps one link to an edge.
func (c *Client) runUplink(ctx context.Context) error {
	return fmt.Errorf("start client: %w", c.uplink.Run(ctx, uplinkHandler{c}))
}

// open takes the state directory, and then what the client uses of its host: device, routing, TCP.
func (c *Client) open() error {
	if err := c.home.Lock(); err != nil {
		return err
	}
	if err := c.home.Listen(); err != nil {
		return err
	}
	dev, router, err := c.cfg.Host.Open(&c.cfg)
	c.routing.router = router
	if err != nil {
		return err
	}
	c.dev = newLastingDevice(dev, func() (Device, error) { return c.cfg.Host.Reopen(&c.cfg) }, c.routing.remade, c.log)
	c.routing.start(c.dev, osroute.Config{Device: dev.Name(), MTU: dev.MTU(), Mark: c.cfg.Mark, DenyLAN: c.cfg.LAN == LANDeny}, c.log)
	if c.stack, err = c.cfg.Host.Stack(dev.MTU(), c.dev.Write); err != nil {
		return errors.Join(err, c.routing.stop(c.routing.inherited()), dev.Close())
	}
	c.path.Attach(c.dev, c.stack)
	return nil
}

// startRoutes captures what was captured when the client last ran: nothing
// leaks between its start and the edge's first answer.
func (c *Client) startRoutes(ctx context.Context) {
	kept, err := readCache(c.cfg.StateDir, c.cfg.cachePath())
	if err != nil {
		c.log.Warn("cannot read the last configuration", zap.Error(err), obs.Hint(unread(err)))
	}
	c.cfg.Names.Learn(kept.EdgesAt)
	c.cfg.Names.OnDial(c.routing.dialling)
	if len(kept.Addrs) == 0 {
		return
	}
	c.mu.Lock()
	c.net = kept
	c.mu.Unlock()
	c.publish(nil)
	_ = c.routing.apply(ctx, kept, edgesAt(c.cfg.Node.Edges(), kept.EdgesAt)...) // which says what is wrong
}

// edgesAt returns where edges may be: those of known by address, and where the others were last.
func edgesAt(known []string, last map[string]netip.AddrPort) []netip.AddrPort {
	out := slices.Collect(maps.Values(last))
	for _, edge := range known {
		if at, err := netip.ParseAddrPort(edge); err == nil {
			out = append(out, at)
		}
	}
	return out
}

// teardown gives the host back what the client took, once ctx ends, unless the client keeps it; it
// frees path.RunDevice.
func (c *Client) teardown(ctx, asked context.Context) error {
	<-ctx.Done()
	keep := c.keeps(asked)
	c.path.CloseFlows() // while the device is there, so that the resets reach the applications
	c.stack.Close()
	if err := c.routing.stop(keep); err != nil {
		c.log.Warn("cannot undo routing", zap.Error(err))
	}
	if err := c.dev.Close(); err != nil {
		c.log.Warn("cannot close TUN device", zap.Error(err))
	}
	return context.Cause(ctx)
}
