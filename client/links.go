package client

import (
	"context"

	"github.com/oneping/oneping/client/path"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// uplinkHandler is the client's own part of its link: a node.Handler. The node half
// is node.Uplink.
type uplinkHandler struct{ *Client }

// Rooms returns who takes what comes over a link: the way in.
func (c uplinkHandler) Rooms() link.Handler { return link.Handler{Datagram: c.path.Datagram} }

// Facts returns nothing: an edge need not know more of a client.
func (c uplinkHandler) Facts() proto.Facts { return proto.Facts{} }

// Welcome opens the link for packets.
func (c uplinkHandler) Welcome(l *link.Link, w *proto.Welcome) error {
	c.mu.Lock()
	c.net.Hops, c.net.Edge, c.net.EdgesAt = w.Hops, w.Edge, c.cfg.Names.All()
	c.mu.Unlock()
	c.conf.begin(l)
	return c.configure(l, &w.Config)
}

// Control handles what an edge says to a client.
func (c uplinkHandler) Control(l *link.Link, m *proto.Control) error {
	switch {
	case m.Config != nil:
		return c.configure(l, m.Config)
	case m.Denial != nil:
		c.path.Deny(m.Denial)
	default:
		c.path.Tally().Count(packet.UnknownType)
	}
	return nil
}

// Down takes the link out of the packet path.
func (c uplinkHandler) Down(*link.Link) { c.publish(nil) }

// networkChanged lets the link, if there is one, follow the host to another network.
func (c *Client) networkChanged(ctx context.Context) {
	if l := c.path.Link(); l != nil {
		l.NetworkChanged(ctx)
	}
}

// configure takes a page of what the edge wants of this device. What concerns packets holds at
// once. The host is changed by another goroutine (runApply): it takes its time, and control
// messages do not wait for it.
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
