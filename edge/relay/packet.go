package relay

import (
	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// packet takes an IP packet from the device. Only ICMP travels so; of it only
// echo requests go further than the edge.
func (c *DeviceAttachment) packet(d []byte, s *scratch) verdict {
	ip, err := proto.ParsePacket(d)
	if err != nil {
		return ended(packet.Malformed)
	}
	p, st := &s.p, c.r.state.Load()
	reason := packet.Parse(ip, p)
	if reason != packet.OK && reason != packet.BadOption {
		return ended(reason)
	}
	sub := st.source(c.dev, p.Src)
	switch {
	case sub == nil:
		return ended(packet.Spoofed)
	case p.Class != packet.ClassICMP:
		return ended(packet.Unsupported)
	case reason == packet.BadOption:
		return c.errorPacket(s, reason, p.Fault, 0)
	case c.r.isHop(p.Dst):
		return c.ownPacket(s)
	case p.TTL <= 1:
		return c.errorPacket(s, packet.TTLExpired, packet.TimeExceeded, 0)
	case !p.IsEchoRequest():
		return ended(packet.Unsupported)
	}
	return c.forwardEcho(st, sub, d, s)
}

// ownPacket delivers a packet for the hop address itself: echo is answered, whatever its TTL.
func (c *DeviceAttachment) ownPacket(s *scratch) verdict {
	if !s.p.IsEchoRequest() {
		return ended(packet.Unsupported)
	}
	if !s.p.TransportOK() {
		return ended(packet.Malformed)
	}
	s.buf = packet.AppendEchoReply(append(s.buf[:0], byte(proto.TypePacket)), &s.p)
	return verdict{reason: packet.OK, back: s.buf}
}

// forwardEcho asks policy and route, and sends the request on.
func (c *DeviceAttachment) forwardEcho(st *compiled, sub *source, d []byte, s *scratch) verdict {
	p := &s.p
	entry, routed := st.table.Lookup(p.Dst)
	target := policy.Target{Dst: p.Dst, Proto: policy.ICMP, Tunnel: entry.Tunnel}
	if !st.policy.Decide(&sub.principal, target).Allowed {
		return c.deniedPacket(st, sub, target, s)
	}
	if !routed {
		return c.unreachablePacket(s, packet.NoRoute, packet.NetUnreachable)
	}
	to := st.tunnels[entry.Tunnel].pick(placeKey(p.Src, p.Dst, policy.ICMP, p.Ident))
	if to == nil {
		return c.unreachablePacket(s, packet.ConnectorDown, packet.HostUnreachable)
	}
	if mtu, yes := c.r.tooBig(to.link, len(p.Raw), p.DF, p.V6); yes {
		return c.errorPacket(s, packet.TooLarge, packet.TooBig, mtu)
	}
	c.r.asked.note(c.dev.owner, p.Dst, p.Ident)
	p.Forward() // the TTL is above 1: it was looked at
	return verdict{to: to.link, owner: c.dev.owner, class: link.Urgent, forward: d[:proto.PacketOverhead+len(p.Raw)]}
}

func (c *DeviceAttachment) deniedPacket(st *compiled, sub *source, t policy.Target, s *scratch) verdict {
	v := c.unreachablePacket(s, packet.Denied, packet.AdminProhibited)
	switch {
	case v.limited:
	case v.back == nil:
		_, v.denied = c.denySilently(st, sub, t)
	default:
		_, v.denied = c.deny(st, sub, t)
	}
	return v
}

// unreachablePacket says no, or nothing where the edge is silent.
func (c *DeviceAttachment) unreachablePacket(s *scratch, reason packet.Reason, kind packet.ErrorKind) verdict {
	if c.r.silent {
		return ended(reason)
	}
	return c.errorPacket(s, reason, kind, 0)
}
