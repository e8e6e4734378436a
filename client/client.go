package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/oneping/oneping/client/osroute"
	"github.com/oneping/oneping/client/path"
	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/internal/obs"
)

// Client is one client. Make it with New, start it with Run, once.
type Client struct {
	cfg     Config
	log     *zap.Logger
	boot    string
	started time.Time

	dev    Device
	stack  Stack
	path   *path.Path
	budget *flow.Budget // bounds the memory of TCP flows

	routing  hostRouting
	conf     configuration
	readyOne sync.Once
	contact  *node.Contact

	// mu guards what follows.
	mu    sync.Mutex
	net   network // as the edge last said, or as it was kept
	edges []string
}

// New checks cfg and returns a client that has not touched anything yet.
func New(cfg Config) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	budget := flow.NewBudget(flow.BudgetSize(cfg.Memory))
	return &Client{
		cfg: cfg, log: cfg.Log, boot: newBoot(), contact: node.NewContact(cfg.Log, time.Now()),
		path: path.New(budget), budget: budget, conf: newConfiguration(), edges: cfg.Edges,
	}, nil
}

// Run brings the client up and keeps it up until ctx ends; it never returns
// nil. On return routes, rules, device and every goroutine are gone.
func (c *Client) Run(ctx context.Context) error {
	c.started = time.Now()
	ln, err := c.listen()
	if err != nil {
		return err
	}
	if err := c.open(); err != nil {
		return errors.Join(err, closeListener(ln))
	}
	g, ctx := errgroup.WithContext(ctx)
	c.startRoutes(ctx)
	if c.cfg.Serving != nil {
		c.cfg.Serving()
	}
	g.Go(func() error { return c.path.RunDevice(ctx) })
	g.Go(func() error { return c.runLinks(ctx) })
	g.Go(func() error { return c.path.RunSweeper(ctx) })
	g.Go(func() error { return c.budget.Run(ctx) })
	g.Go(func() error { return c.runApply(ctx) })
	g.Go(func() error { return c.routing.watch(ctx, func() { c.networkChanged(ctx) }) })
	g.Go(func() error { return c.teardown(ctx) })
	if ln != nil {
		g.Go(func() error { return local.ServeListener(ctx, ln, c.api()) })
	}
	return g.Wait()
}

// listen takes the local socket, which also makes sure that no other client uses the state
// directory.
func (c *Client) listen() (net.Listener, error) {
	if c.cfg.StateDir == "" {
		return nil, nil
	}
	ln, err := local.Listen(c.cfg.socketPath())
	if err != nil {
		return nil, fmt.Errorf("start client: %w", err)
	}
	return ln, nil
}

func closeListener(ln net.Listener) error {
	if ln == nil {
		return nil
	}
	return ln.Close()
}

// open takes what the client uses of its host: device, routing, TCP.
func (c *Client) open() error {
	dev, router, err := c.cfg.Host.Open(&c.cfg)
	if err != nil {
		return fmt.Errorf("start client: %w", err)
	}
	c.dev = dev
	c.routing.start(router, osroute.Config{Device: dev.Name(), MTU: dev.MTU(), Mark: c.cfg.Mark}, c.log)
	if c.stack, err = c.cfg.Host.Stack(dev.MTU(), dev.Write); err != nil {
		return errors.Join(fmt.Errorf("start client: %w", err), c.routing.stop(), dev.Close())
	}
	c.path.Attach(dev, c.stack)
	return nil
}

// startRoutes captures what was captured when the client last ran: nothing
// leaks between its start and the edge's first answer.
func (c *Client) startRoutes(ctx context.Context) {
	kept, err := readCache(c.cfg.StateDir, c.cfg.cachePath())
	if err != nil {
		c.log.Warn("cannot read the last configuration", zap.Error(err))
	}
	c.cfg.Names.Learn(kept.EdgesAt)
	if len(kept.Addrs) == 0 {
		return
	}
	c.mu.Lock()
	c.net = kept
	c.mu.Unlock()
	c.publish(nil)
	if err := c.routing.apply(ctx, kept, nil); err != nil {
		c.log.Warn("cannot capture what was captured before", zap.Error(err), obs.Hint(err))
	}
}

// teardown gives the host back what the client took, once ctx ends; it frees path.RunDevice.
func (c *Client) teardown(ctx context.Context) error {
	<-ctx.Done()
	c.path.CloseFlows() // while the device is there, so that the resets reach the applications
	c.stack.Close()
	if err := c.routing.stop(); err != nil {
		c.log.Warn("cannot undo routing", zap.Error(err))
	}
	if err := c.dev.Close(); err != nil {
		c.log.Warn("cannot close TUN device", zap.Error(err))
	}
	return context.Cause(ctx)
}
