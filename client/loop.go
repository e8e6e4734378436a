package client

import (
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// look returns the link and the view of it that holds for one batch.
func (c *Client) look() (*link.Link, view) {
	s := c.state.Load()
	v := s.view
	if s.link != nil {
		v.max, v.settled = s.link.MaxDatagram()
	}
	return s.link, v
}

// fromHost handles one batch of packets from the host.
func (c *Client) fromHost(bufs [][]byte, sizes []int) {
	if len(sizes) == 0 {
		return
	}
	now := time.Now()
	l, v := c.look()
	c.outMu.Lock()
	defer c.outMu.Unlock()
	for i, n := range sizes {
		c.counters.Count(c.carryOut(l, c.out.step(bufs[i][:n], now, &v)))
	}
}

// carryOut does what the verdict says and returns the reason to count.
func (c *Client) carryOut(l *link.Link, d verdict) packet.Reason {
	if d.limited {
		c.counters.Count(packet.RateLimited)
	}
	if d.ended != 0 {
		c.counters.Count(packet.Superseded)
		endSession(l, d.ended)
	}
	if d.back != nil && c.dev.WriteOne(d.back) != nil {
		return packet.SendFailed
	}
	if d.local != nil {
		c.stack.Inject(d.local)
	}
	if d.send != nil {
		if r := l.Send(d.class, d.send); r != packet.OK {
			return r
		}
	}
	return d.reason
}

// fromEdge handles one datagram of the link l.
func (c *Client) fromEdge(l *link.Link, d []byte) packet.Reason {
	current, v := c.look()
	if current != l {
		c.counters.Count(packet.Closed)
		return packet.Closed
	}
	s := c.in.get()
	r := c.deliver(l, c.in.step(s, d, time.Now(), &v))
	c.in.put(s)
	c.counters.Count(r)
	return r
}

// deliver does what the outcome of a datagram says and returns the reason to count.
func (c *Client) deliver(l *link.Link, o outcome) packet.Reason {
	c.denials.add(o.denial)
	if o.back != nil && c.dev.WriteOne(o.back) != nil {
		return packet.SendFailed
	}
	if o.send != nil {
		if r := l.Send(o.class, o.send); r != packet.OK {
			return r
		}
	}
	return o.reason
}

// sweep forgets what has expired in every table.
func (c *Client) sweep(now time.Time) {
	l, v := c.look()
	c.outMu.Lock()
	c.out.expire(now, &v, c.writeBack, c.counters.Count)
	c.outMu.Unlock()
	c.udp.expire(now, func(id proto.SessionID) { endSession(l, id) })
	if c.tcp != nil {
		c.tcp.expire(now)
	}
}

// endSession tells the edge and the connector of the end of a session: they need not wait for their own time-outs.
func endSession(l *link.Link, id proto.SessionID) {
	if l != nil {
		l.Send(link.Interactive, proto.AppendUDPEvent(nil, &proto.UDPEvent{Session: id, Kind: proto.EventClosed}))
	}
}

// writeBack hands a packet to the host.
func (c *Client) writeBack(pkt []byte) {
	if c.dev.WriteOne(pkt) != nil {
		c.counters.Count(packet.SendFailed)
	}
}
