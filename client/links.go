package client

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"

	"go.uber.org/zap"

	"github.com/oneping/oneping/client/path"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

func newBoot() string { return proto.NewID() }

// runLinks enrols where that is due and keeps one link to an edge.
func (c *Client) runLinks(ctx context.Context) error {
	dial := c.cfg.linkConfig()
	dial.Tally = c.path.Tally()
	r := link.Redial{Addrs: c.cfg.Edges, Config: dial, TLS: c.cfg.TLS, OnAttempt: c.contact.Attempted}
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
		Datagram: c.path.Datagram,
		Control:  c.control,
	})
	cancel()
	renewal.Wait()
	if n := c.cfg.Node; n != nil {
		n.LinkEnded(err)
	}
	c.publish(nil) // out of the packet path
	c.contact.Lost(l.Remote().String(), err)
	return err
}

// networkChanged lets the link, if there is one, follow the host to another network.
func (c *Client) networkChanged(ctx context.Context) {
	if l := c.path.Link(); l != nil {
		l.NetworkChanged(ctx)
	}
}

// control handles one message of the edge.
func (c *Client) control(l *link.Link, m proto.Control) error {
	switch {
	case m.Welcome != nil:
		return c.welcome(l, m.Welcome)
	case m.Config != nil:
		return c.configure(l, m.Config)
	case m.Denial != nil:
		c.path.Deny(m.Denial)
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
		c.path.Tally().Count(packet.UnknownType)
	}
	return nil
}

// welcome opens the link for packets.
func (c *Client) welcome(l *link.Link, w *proto.Welcome) error {
	c.mu.Lock()
	c.net.Hops, c.net.Edge, c.net.EdgesAt = w.Hops, w.Edge, c.cfg.Names.All()
	c.mu.Unlock()
	c.contact.Made()
	c.conf.begin(l)
	return c.configure(l, &w.Config)
}

// configure takes a page of what the edge wants of this device. What concerns packets holds at
// once. The host is changed by another goroutine (runApply): it takes its time, and control messages do not wait for it.
func (c *Client) configure(l *link.Link, cfg *proto.Config) error {
	c.mu.Lock()
	c.net.Addrs, c.net.Idle, c.net.User, c.net.Device = cfg.Addrs, cfg.IdleSeconds, cfg.User, cfg.Device
	c.mu.Unlock()
	c.publish(l)
	return c.conf.page(cfg)
}

// publish tells the packet path which link there is, nil for none, and what the edge has assigned.
func (c *Client) publish(l *link.Link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.path.Update(l, path.Assignment{Addrs: c.net.Addrs, Hops: c.net.Hops, IdleSeconds: c.net.Idle})
}
