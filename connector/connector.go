package connector

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/oneping/oneping/connector/host"
	"github.com/oneping/oneping/connector/tcp"
	"github.com/oneping/oneping/connector/udp"
	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/local"
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
	boot     string
	started  time.Time
	counters packet.Counters
	host     *host.Host
	up       uplink
	dispatch dispatch
	budget   *flow.Budget // of the memory of TCP flows
	ready    sync.Once

	contact *node.Contact

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
		cfg: cfg, log: cfg.Log, boot: proto.NewID(), contact: node.NewContact(cfg.Log, time.Now()),
		budget: flow.NewBudget(flow.BudgetSize(cfg.Memory)),
	}
	c.host = host.New(host.Config{
		Routes: cfg.System, Allow: cfg.Allow, Deny: cfg.Deny, Single: cfg.Hops == HopsSingle, Counters: &c.counters,
	})
	for _, e := range cfg.Edges {
		if ap, err := netip.ParseAddrPort(e); err == nil {
			c.host.SetEdge(ap.Addr().Unmap())
		}
	}
	c.up.counters = &c.counters
	c.dispatch = dispatch{host: c.host, up: &c.up, counters: &c.counters, icmp: new(icmpNAT)}
	return c, nil
}

// Run connects and serves until ctx ends; it never returns nil. On return all
// sockets are closed and every goroutine is gone.
func (c *Connector) Run(ctx context.Context) error {
	c.started = time.Now()
	if limit, err := process.RaiseDescriptorLimit(); err != nil {
		c.log.Warn("few descriptors, few sessions", zap.Uint64("limit", limit), zap.Error(err))
	}
	ln, err := c.listen()
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	if err = c.open(ctx, g); err == nil {
		err = c.serveMetrics(ctx, g)
	}
	if err != nil {
		g.Go(func() error { return err }) // ends what has been opened
		return errors.Join(g.Wait(), closeListener(ln))
	}
	g.Go(func() error { return c.runLinks(ctx) })
	if ln != nil {
		g.Go(func() error { return local.ServeListener(ctx, ln, c.api()) })
	}
	return g.Wait()
}

// listen takes the local socket, which also makes sure that no other connector uses the state
// directory. Where the directory cannot be written the connector works without one.
func (c *Connector) listen() (net.Listener, error) {
	if c.cfg.StateDir == "" {
		return nil, nil
	}
	ln, err := local.Listen(c.cfg.socketPath())
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.EROFS):
		c.log.Warn("no local socket: connector status cannot ask this process", zap.Error(err), obs.Hint(err))
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("start connector: %w", err)
	}
	return ln, nil
}

func closeListener(ln net.Listener) error {
	if ln == nil {
		return nil
	}
	return ln.Close()
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
