package connector

import (
	"context"
	"errors"
	"os"
	"runtime"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// renewEvery is how often a link asks whether the certificate is due.
const renewEvery = time.Minute

// runLinks keeps one link to an edge.
func (c *Connector) runLinks(ctx context.Context) error {
	r := link.Redial{Addrs: c.cfg.Edges, Config: c.cfg.linkConfig(), TLS: c.cfg.TLS, OnAttempt: c.attempted}
	return r.Run(ctx, c.serve)
}

// attempted logs dial attempts: the same failure of an edge once.
func (c *Connector) attempted(addr string, err error) {
	if err == nil {
		return
	}
	if c.fails(addr, err) {
		c.log.Warn("cannot reach the edge", zap.String(obs.FieldRemote, addr), zap.Error(err), obs.Hint(err))
	}
}

// fails notes why there is no link to an edge and says whether that is news.
func (c *Connector) fails(edge string, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastError, c.lastHint = err.Error(), obs.Advice(err)
	return c.failures.Is(edge, c.lastError)
}

// serve runs one link until it ends.
func (c *Connector) serve(ctx context.Context, l *link.Link) error {
	if err := l.SendControl(&proto.Control{Hello: c.hello()}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		c.renew(ctx, l)
	}()
	err := l.Run(ctx, link.Handler{
		Datagram: c.dispatch.datagram,
		Flow:     c.flow,
		Control:  c.control,
	})
	cancel()
	<-renewed
	c.down(l, err)
	if c.cfg.Renew != nil {
		c.cfg.Renew.LinkEnded(err)
	}
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
func (c *Connector) down(l *link.Link, err error) {
	c.up.unset(l)
	c.mu.Lock()
	was := c.welcomed == l
	if was {
		c.welcomed, c.since = nil, time.Now()
	}
	c.mu.Unlock()
	if (c.fails(l.Remote().String(), err) || was) && !errors.Is(err, context.Canceled) {
		c.log.Warn("link down", zap.Error(err))
	}
}

// flow serves one TCP flow.
func (c *Connector) flow(ctx context.Context, _ *link.Link, s *link.Stream, h proto.FlowHeader) {
	if c.dialer == nil { // a simulation has no TCP
		s.Reset(proto.CodeRefused)
		return
	}
	c.counters.Count(c.dialer.Serve(ctx, s, h))
}

// control handles one message of the edge.
func (c *Connector) control(l *link.Link, m proto.Control) error {
	switch {
	case m.Welcome != nil:
		c.welcome(l, m.Welcome)
	case m.Config != nil:
		c.mu.Lock()
		c.conf = *m.Config
		c.mu.Unlock()
	case m.Renewed != nil && c.cfg.Renew != nil:
		if err := c.cfg.Renew.Renewed(*m.Renewed); err != nil {
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
	c.host.setEdge(l.Remote().Addr().Unmap())
	c.mu.Lock()
	c.welcomed, c.edge, c.conf = l, w.Edge, w.Config
	c.since, c.lastError, c.lastHint = time.Now(), "", ""
	c.failures.Forget()
	c.mu.Unlock()
	c.up.set(l)
	c.log.Info("link up", zap.Stringer(obs.FieldRemote, l.Remote()), zap.String(obs.FieldTunnel, w.Tunnel),
		zap.String(obs.FieldReplica, w.Device), zap.String("icmp", c.dispatch.icmp.mode()))
	c.ready.Do(func() {
		if c.cfg.Ready != nil {
			c.cfg.Ready()
		}
	})
}

// renew asks for a new certificate when one is due, as long as ctx lives.
func (c *Connector) renew(ctx context.Context, l *link.Link) {
	if c.cfg.Renew == nil {
		return
	}
	t := time.NewTicker(renewEvery)
	defer t.Stop()
	for {
		if req, err := c.cfg.Renew.Request(time.Now()); err != nil {
			c.log.Warn("cannot ask for a new certificate", zap.Error(err))
		} else if req != nil {
			_ = l.SendControl(&proto.Control{Renew: req}) // asked again in a minute
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}
