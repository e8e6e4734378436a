package client

import (
	"context"
	"net/netip"
	"time"

	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// flowEnds connects the held SYNs with the link, the netstack and the host.
func (c *Client) flowEnds() flowEnds {
	return flowEnds{
		open:  c.openFlow,
		back:  c.writeBack,
		hop:   func(v6 bool) netip.Addr { return c.state.Load().view.hop(v6) },
		deny:  c.denials.add,
		count: c.counters.Count,
		now:   time.Now,
	}
}

// openFlow opens a flow on the link and waits for its answer.
func (c *Client) openFlow(ctx context.Context, h *proto.FlowHeader) (*opened, error) {
	l := c.state.Load().link
	if l == nil {
		return nil, link.ErrClosed
	}
	s, err := l.OpenFlow(ctx, h)
	if err != nil {
		return nil, err
	}
	f := flow.New(s, h, c.budget)
	a, err := f.Await(ctx)
	if err != nil {
		f.Drop(proto.CodeAborted)
		return nil, err
	}
	return &opened{
		answer: a,
		carry:  func(ctx context.Context, syn []byte) { c.carry(ctx, f, syn, a.TTL) },
		drop:   func() { f.Drop(proto.CodeAborted) },
	}, nil
}

// carry completes the handshake with the application and moves bytes. How a connection ends is for its two
// ends to know; nobody else needs the error.
func (c *Client) carry(ctx context.Context, f *flow.Flow, syn []byte, ttl uint8) {
	conn, err := c.stack.Accept(ctx, syn, ttl)
	if err != nil {
		f.Drop(proto.CodeAborted)
		return
	}
	_ = flow.Pump(ctx, f, conn)
	if f.Short() {
		c.counters.Count(packet.MemoryShort)
	}
}
