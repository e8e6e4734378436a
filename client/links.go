package client

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"sync"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

func newBoot() string { return proto.NewID() }

// runLinks enrols where that is due and keeps one link to an edge.
func (c *Client) runLinks(ctx context.Context) error {
	r := link.Redial{Addrs: c.cfg.Edges, Config: c.cfg.linkConfig(), TLS: c.cfg.TLS, OnAttempt: c.contact.Attempted}
	if n := c.cfg.Node; n != nil {
		if err := n.Enrol(ctx); err != nil {
			return fmt.Errorf("start client: %w", err)
		}
		r.Addrs, r.TLS = n.Edges(), n.TLS
		c.mu.Lock()
		c.edges = r.Addrs
		c.mu.Unlock()
	}
	return r.Run(ctx, c.serve)
}

// serve runs one link until it ends.
func (c *Client) serve(ctx context.Context, l *link.Link) error {
	hostname, _ := os.Hostname() // for people only
	if err := l.SendControl(&proto.Control{Hello: &proto.Hello{
		Version: c.cfg.Version, Hostname: hostname, OS: runtime.GOOS, Arch: runtime.GOARCH, Started: c.started, Boot: c.boot,
	}}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var renewal sync.WaitGroup
	if n := c.cfg.Node; n != nil {
		renewal.Go(func() { _ = n.Renewal(ctx, l.SendControl) }) // ends with the link
	}
	err := l.Run(ctx, link.Handler{
		Datagram: c.fromEdge,
		Control:  func(l *link.Link, m proto.Control) error { return c.control(ctx, l, m) },
	})
	cancel()
	renewal.Wait()
	if n := c.cfg.Node; n != nil {
		n.LinkEnded(err)
	}
	c.publish(nil, 0) // out of the packet path
	c.contact.Lost(l.Remote().String(), err)
	return err
}

// networkChanged lets the link, if there is one, follow the host to another network.
func (c *Client) networkChanged(ctx context.Context) {
	if l := c.state.Load().link; l != nil {
		l.NetworkChanged(ctx)
	}
}

// control handles one message of the edge.
func (c *Client) control(ctx context.Context, l *link.Link, m proto.Control) error {
	switch {
	case m.Welcome != nil:
		c.welcome(ctx, l, m.Welcome)
	case m.Config != nil:
		c.configure(ctx, l, m.Config, 0)
	case m.Denial != nil:
		c.denials.add(m.Denial)
	case m.Renewed != nil && c.cfg.Node != nil:
		if err := c.cfg.Node.Renewed(*m.Renewed); err != nil {
			c.log.Warn("cannot renew the certificate", zap.Error(err), obs.Hint(err))
		}
	case m.Event != nil:
		c.log.Warn("the edge says", zap.Stringer(obs.FieldCode, m.Event.Code), zap.String(obs.FieldReason, m.Event.Text))
	case m.Drain != nil:
		c.log.Info("the edge asks to move", zap.String(obs.FieldReason, m.Drain.Reason))
		return l.Close(proto.CodeDraining, "moving")
	case m.Report != nil: // the link's own
	default:
		c.counters.Count(packet.UnknownType)
	}
	return nil
}

// welcome opens the link for packets.
func (c *Client) welcome(ctx context.Context, l *link.Link, w *proto.Welcome) {
	c.mu.Lock()
	c.net.Hops, c.net.Edge, c.net.EdgesAt = w.Hops, w.Edge, c.cfg.Names.All()
	c.mu.Unlock()
	c.contact.Made()
	c.configure(ctx, l, &w.Config, 1)
	c.log.Info("link up", zap.String(obs.FieldRemote, l.Remote().String()), zap.String(obs.FieldUser, w.User),
		zap.String(obs.FieldDevice, w.Device), zap.Stringers("addrs", w.Addrs), zap.Int("captured", len(w.Capture)))
	c.readyOne.Do(func() {
		if c.cfg.Ready != nil {
			c.cfg.Ready()
		}
	})
}

// configure applies what the edge wants of this device; newEpoch is 1 on a new link.
func (c *Client) configure(ctx context.Context, l *link.Link, cfg *proto.Config, newEpoch uint64) {
	c.mu.Lock()
	c.net.Addrs, c.net.Capture, c.net.Idle = cfg.Addrs, cfg.Capture, cfg.IdleSeconds
	c.net.User, c.net.Device = cfg.User, cfg.Device
	n := c.net
	c.mu.Unlock()
	c.publish(l, newEpoch)
	if err := c.routes.apply(ctx, n, []netip.AddrPort{l.Remote()}); err != nil {
		c.log.Error("cannot apply routing", zap.Error(err), obs.Hint(err))
	}
	if err := writeCache(c.cfg.StateDir, c.cfg.cachePath(), n); err != nil {
		c.log.Warn("cannot keep the configuration", zap.Error(err))
	}
}

// publish gives the packet path a new view; newEpoch is 1 for a new link.
func (c *Client) publish(l *link.Link, newEpoch uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.state.Load()
	s := &state{link: l, view: view{up: l != nil, epoch: old.view.epoch + newEpoch, idle: c.net.Idle}}
	s.view.setAddrs(c.net.Addrs, c.net.Hops)
	c.state.Store(s)
}
