package connector

import (
	"context"
	"net/netip"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// uplinkHandler is the connector's own part of its link: a node.Handler. The node half
// is node.Uplink.
type uplinkHandler struct{ *Connector }

// Rooms returns who takes what comes over a link.
func (c uplinkHandler) Rooms() link.Handler {
	return link.Handler{Datagram: c.dispatch.datagram, Owner: c.dispatch.owner, Flow: c.flow}
}

// Facts returns how ICMP is sent, which an administrator may change at any time.
func (c uplinkHandler) Facts() proto.Facts { return proto.Facts{ICMP: c.dispatch.icmp.mode()} }

// Welcome opens the link for answers.
func (c uplinkHandler) Welcome(l *link.Link, w *proto.Welcome) error {
	for _, e := range c.cfg.Node.Edges() {
		if ap, err := netip.ParseAddrPort(e); err == nil {
			c.host.SetEdge(ap.Addr().Unmap())
		}
	}
	c.host.SetEdge(l.Remote().Addr().Unmap())
	c.dispatch.udp.LimitIdle(w.IdleSeconds)
	c.dispatch.udp.TellExtensions(w.Extensions)
	c.dispatch.tcp.TellExtensions(w.Extensions)
	c.mu.Lock()
	c.welcomed, c.edge, c.conf = l, w.Edge, w.Config
	c.mu.Unlock()
	c.up.set(l)
	c.log.Info("link up", zap.Stringer(obs.FieldRemote, l.Remote()), zap.String(obs.FieldTunnel, w.Tunnel),
		zap.String(obs.FieldConnector, w.Device), zap.String("icmp", c.dispatch.icmp.mode()))
	c.uplink.Linked()
	return nil
}

// Control handles what an edge says to a connector.
func (c uplinkHandler) Control(_ *link.Link, m *proto.Control) error {
	switch {
	case m.Config != nil:
		c.dispatch.udp.LimitIdle(m.Config.IdleSeconds)
		c.mu.Lock()
		c.conf = *m.Config
		c.mu.Unlock()
	case m.Ended != nil:
		c.dispatch.end(m.Ended.Addrs)
	default:
		c.counters.Count(packet.UnknownType)
	}
	return nil
}

// Down takes the link out of the packet path.
func (c uplinkHandler) Down(l *link.Link) {
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
