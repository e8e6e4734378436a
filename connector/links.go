package connector

import (
	"context"
	"os"
	"runtime"
	"sync"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// runLinks keeps one link to an edge.
func (c *Connector) runLinks(ctx context.Context) error {
	dial := c.cfg.linkConfig()
	dial.Tally = &c.counters
	r := link.Redial{Addrs: c.cfg.Edges, Config: dial, TLS: c.cfg.TLS, OnAttempt: c.contact.Attempted}
	return r.Run(ctx, c.serve)
}

// serve runs one link until it ends.
func (c *Connector) serve(ctx context.Context, l *link.Link) error {
	if err := l.SendControl(&proto.Control{Hello: c.hello()}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var renewal sync.WaitGroup
	if n := c.cfg.Node; n != nil {
		renewal.Go(func() { _ = n.Renewal(ctx, l.SendControl) }) // ends with the link
	}
	err := l.Run(ctx, link.Handler{
		Datagram: c.dispatch.datagram,
		Owner:    c.dispatch.owner,
		Flow:     c.flow,
		Control:  c.control,
	})
	cancel()
	renewal.Wait()
	if n := c.cfg.Node; n != nil {
		n.LinkEnded(err)
	}
	c.down(l)
	c.contact.Lost(l.Remote().String(), err)
	return err
}

func (c *Connector) hello() *proto.Hello {
	hostname, _ := os.Hostname() // for people only
	return &proto.Hello{
		Version: c.cfg.Version, Hostname: hostname, OS: runtime.GOOS, Arch: runtime.GOARCH,
		Started: c.started, Boot: c.boot, ICMP: c.dispatch.icmp.mode(),
	}
}

// down takes the link out of the packet path.
func (c *Connector) down(l *link.Link) {
	c.up.unset(l)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.welcomed == l {
		c.welcomed = nil
	}
}

// flow serves one TCP flow.
func (c *Connector) flow(ctx context.Context, _ *link.Link, s *link.Stream, h proto.FlowHeader) {
	c.counters.Count(c.dispatch.flow(ctx, s, &h))
}

// control handles one message of the edge.
func (c *Connector) control(l *link.Link, m proto.Control) error {
	switch {
	case m.Welcome != nil:
		c.welcome(l, m.Welcome)
	case m.Config != nil:
		c.dispatch.udp.LimitIdle(m.Config.IdleSeconds)
		c.mu.Lock()
		c.conf = *m.Config
		c.mu.Unlock()
	case m.Ended != nil:
		c.dispatch.end(m.Ended.Addrs)
	case m.Renewed != nil && c.cfg.Node != nil:
		if err := c.cfg.Node.Renewed(*m.Renewed); err != nil {
			c.log.Warn("cannot renew the certificate", zap.Error(err), obs.Hint(err))
		}
	case m.Event != nil:
		c.log.Warn("the edge says", zap.Stringer(obs.FieldCode, m.Event.Code), zap.String(obs.FieldReason, m.Event.Text))
	case m.Drain != nil:
		c.log.Info("the edge asks to move", zap.String(obs.FieldReason, m.Drain.Reason))
		return l.Close(proto.CodeDraining, "moving")
	case m.Routes != nil, m.Report != nil: // routes stay on the edge; reports are the link's own
	default:
		c.counters.Count(packet.UnknownType)
	}
	return nil
}

// welcome opens the link for answers.
func (c *Connector) welcome(l *link.Link, w *proto.Welcome) {
	c.host.SetEdge(l.Remote().Addr().Unmap())
	c.dispatch.udp.LimitIdle(w.IdleSeconds)
	c.mu.Lock()
	c.welcomed, c.edge, c.conf = l, w.Edge, w.Config
	c.mu.Unlock()
	c.contact.Made()
	c.up.set(l)
	c.log.Info("link up", zap.Stringer(obs.FieldRemote, l.Remote()), zap.String(obs.FieldTunnel, w.Tunnel),
		zap.String(obs.FieldReplica, w.Device), zap.String("icmp", c.dispatch.icmp.mode()))
	c.ready.Do(func() {
		if c.cfg.Ready != nil {
			c.cfg.Ready()
		}
	})
}
