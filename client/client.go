package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/oneping/oneping/client/netstack"
	"github.com/oneping/oneping/client/osroute"
	"github.com/oneping/oneping/client/tun"
	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/proto/packet"
)

// sweepEvery is how often the tables forget what has expired.
const sweepEvery = time.Second

// Client is one client. Make it with New, start it with Run, once.
type Client struct {
	cfg     Config
	log     *zap.Logger
	boot    string
	started time.Time

	dev   Device
	stack *netstack.Stack // nil: no TCP
	in    *inbound
	asked *asked
	udp   *sessions
	tcp   *heldSYNs // nil: no TCP
	// budget bounds the memory of TCP flows.
	budget *flow.Budget

	outMu sync.Mutex
	out   *outbound

	routes   routes
	conf     configuration
	counters packet.Counters
	denials  denials
	state    atomic.Pointer[state]
	readyOne sync.Once

	contact *node.Contact

	mu    sync.Mutex
	net   network // as the edge last said, or as it was kept
	edges []string
}

// state is the link as the packet path sees it; replaced, never changed.
type state struct {
	link *link.Link // nil: down
	view view
}

// New checks cfg and returns a client that has not touched anything yet.
func New(cfg Config) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Client{
		cfg: cfg, log: cfg.Log, boot: newBoot(), contact: node.NewContact(cfg.Log, time.Now()), udp: newSessions(maxSessions),
		asked: newAsked(), budget: flow.NewBudget(flow.BudgetSize(cfg.Memory)), conf: newConfiguration(),
	}
	c.edges = cfg.Edges
	c.in = newInbound(c.udp, c.asked)
	c.state.Store(&state{})
	return c, nil
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
	if err := c.startTCP(ctx); err != nil {
		return errors.Join(err, closeListener(ln), c.routes.stop(), c.dev.Close())
	}
	c.out = newOutbound(c.udp, c.asked, c.tcp)
	c.startRoutes(ctx)
	if c.cfg.Serving != nil {
		c.cfg.Serving()
	}
	g.Go(func() error { return c.runDevice(ctx) })
	g.Go(func() error { return c.runLinks(ctx) })
	g.Go(func() error { return c.runSweeper(ctx) })
	g.Go(func() error { return c.budget.Run(ctx) })
	g.Go(func() error { return c.runApply(ctx) })
	g.Go(func() error { return c.routes.watch(ctx, func() { c.networkChanged(ctx) }) })
	g.Go(func() error { return c.teardown(ctx) })
	if ln != nil {
		g.Go(func() error { return local.ServeListener(ctx, ln, c.api()) })
	}
	return g.Wait()
}

// listen takes the local socket, which also makes sure that no other client uses the state directory.
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

// open opens the TUN device, unless one was given.
func (c *Client) open() error {
	c.routes.log = c.log
	if c.cfg.Device != nil {
		c.dev = c.cfg.Device
		return nil
	}
	router := osroute.New(c.log)
	if err := router.Adopt(osroute.Config{Device: c.cfg.TUN}, c.cfg.journalPath()); err != nil {
		return fmt.Errorf("start client: %w", err)
	}
	d, err := tun.Open(c.cfg.TUN, c.cfg.MTU)
	if err != nil {
		return fmt.Errorf("start client: %w", err)
	}
	c.dev = d
	c.routes.start(router, osroute.Config{Device: d.Name(), MTU: d.MTU(), Mark: c.cfg.Mark})
	return nil
}

// startTCP starts the netstack, unless TCP is left out.
func (c *Client) startTCP(ctx context.Context) error {
	if c.cfg.NoTCP {
		return nil
	}
	stack, err := netstack.Start(c.cfg.MTU, c.dev.Write)
	if err != nil {
		return fmt.Errorf("start client: %w", err)
	}
	c.stack = stack
	c.tcp = newHeldSYNs(ctx, maxHeld, c.flowEnds())
	return nil
}

// startRoutes captures what was captured when the client last ran: nothing
// leaks between its start and the edge's first answer.
func (c *Client) startRoutes(ctx context.Context) {
	if c.routes.router == nil {
		return
	}
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
	c.publish(nil, 0)
	if err := c.routes.apply(ctx, kept, nil); err != nil {
		c.log.Warn("cannot capture what was captured before", zap.Error(err), obs.Hint(err))
	}
}

// teardown gives the host back what the client took, once ctx ends; it frees runDevice.
func (c *Client) teardown(ctx context.Context) error {
	<-ctx.Done()
	if c.tcp != nil { // while the device is there, so that the resets reach the applications
		c.tcp.close()
		c.stack.Close()
	}
	if err := c.routes.stop(); err != nil {
		c.log.Warn("cannot undo routing", zap.Error(err))
	}
	if err := c.dev.Close(); err != nil {
		c.log.Warn("cannot close TUN device", zap.Error(err))
	}
	return context.Cause(ctx)
}

// runSweeper forgets what has expired.
func (c *Client) runSweeper(ctx context.Context) error {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case now := <-t.C:
			c.sweep(now)
		}
	}
}

// runDevice moves what the host sends, until the device is closed.
func (c *Client) runDevice(ctx context.Context) error {
	n := c.dev.BatchSize()
	bufs, sizes := make([][]byte, n), make([]int, n)
	for i := range bufs {
		bufs[i] = make([]byte, tun.MaxPacket)
	}
	for {
		n, err := c.dev.Read(bufs, sizes)
		c.fromHost(bufs, sizes[:n])
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.Is(err, os.ErrClosed) {
			err = errors.New("the TUN device is gone; was it deleted?")
		}
		return fmt.Errorf("read TUN device: %w", err)
	}
}
