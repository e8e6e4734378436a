package relay

import (
	"net/netip"
	"time"

	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// packet takes an IP packet from the connector: an echo reply from an address
// that this connector's tunnel serves, or an ICMP error about an echo request of
// the device that it is for, to such an address. What answers no request that went on from here is
// unsolicited, and so is everything else.
func (c *ConnectorAttachment) packet(d []byte, s *scratch) outcome {
	ip, err := proto.ParsePacket(d)
	if err != nil {
		return ended(packet.Malformed)
	}
	p, st := &s.p, c.r.state.Load()
	if reason := packet.Parse(ip, p); reason != packet.OK {
		return ended(reason)
	}
	sub := st.byAddr[p.Dst]
	dst, ident, ok := c.answered(st, s)
	if sub == nil || c.r.isHop(p.Src) || !ok || !c.r.asked.take(sub.dev.owner, dst, ident) {
		return ended(packet.Unsolicited)
	}
	if !p.Forward() {
		return ended(packet.TTLExpired)
	}
	c.r.record(p)
	return forwardTo(sub.dev, link.Urgent, d[:proto.PacketOverhead+len(p.Raw)])
}

// record enters the edge as a hop into a packet that asks for it in its options (RFC 791 §3.1).
func (r *Relay) record(p *packet.Packet) {
	if p.Hdr > 20 && !p.V6 && r.hop4.IsValid() {
		p.Record(r.hop4, time.Now())
	}
}

// answered returns destination and identifier of the echo request that the packet in s answers;
// false where this connector may not answer it.
func (c *ConnectorAttachment) answered(st *compiled, s *scratch) (dst netip.Addr, ident uint16, ok bool) {
	p, q := &s.p, &s.quoted
	switch {
	case p.IsQueryReply():
		return p.Src, p.Ident, c.serves(st, p.Src)
	case p.Quoted(q):
		return q.Dst, q.Ident, q.IsQuery() && q.Src == p.Dst && c.serves(st, q.Dst)
	}
	return dst, ident, false
}

// serves says whether a routes to this connector's tunnel.
func (c *ConnectorAttachment) serves(st *compiled, a netip.Addr) bool {
	e, ok := st.table.Lookup(a)
	return ok && e.Tunnel == c.con.tunnel
}

// payload carries a payload of a session back to the device.
func (c *ConnectorAttachment) payload(d []byte, s *scratch) outcome {
	p := &s.payload
	if proto.ParseUDPPayload(d, p) != nil {
		return ended(packet.Malformed)
	}
	sess := c.r.sessions.get(p.Session)
	switch {
	case sess == nil:
		return ended(packet.UnknownSession) // the client heals it; the connector's half ends by idleness
	case sess.con != c.con:
		return ended(packet.Spoofed)
	}
	ttl, ok := packet.NextTTL(p.TTL)
	if !ok {
		return ended(packet.TTLExpired)
	}
	sess.touch()
	sess.traffic.Received()
	proto.SetDatagramTTL(d, ttl)
	return forwardTo(sess.dev, sess.traffic.Class(len(p.Payload)), d)
}

// event carries an event of a session back to the device.
func (c *ConnectorAttachment) event(d []byte, s *scratch) outcome {
	e := &s.event
	if proto.ParseUDPEvent(d, e) != nil {
		return ended(packet.Malformed)
	}
	sess := c.r.sessions.get(e.Session)
	switch {
	case sess == nil:
		return ended(packet.UnknownSession)
	case sess.con != c.con:
		return ended(packet.Spoofed)
	}
	switch e.Kind {
	case proto.EventUnknown, proto.EventClosed:
		c.r.sessions.end(sess)
	case proto.EventRegistered:
		if !sess.answers.take() {
			return ended(packet.Unsolicited)
		}
		sess.touch()
		sess.held.Store(true)
	case proto.EventDenied: // the edge decides, nobody else
		return ended(packet.Unsolicited)
	case proto.EventICMP:
		if !c.r.plausible(e.Reporter, e.ICMPType, sess.dst.Addr().Is6()) || !sess.answers.take() {
			return ended(packet.Unsolicited)
		}
		ttl, ok := packet.NextTTL(e.TTL)
		if !ok {
			return ended(packet.TTLExpired)
		}
		proto.SetEventTTL(d, ttl)
		if at := sess.dev.attachment.Load(); at != nil && !at.extended.Load() {
			d = proto.StripEventExtension(d, e)
		}
	default:
		return ended(packet.UnknownType)
	}
	return forwardTo(sess.dev, hop.EventClass, d)
}

// plausible says whether a connector may report an ICMP error of typ from
// reporter: an error type of the family, and not in the edge's own name.
func (r *Relay) plausible(reporter netip.Addr, typ uint8, v6 bool) bool {
	if !reporter.IsValid() || reporter.Is6() != v6 || r.isHop(reporter) {
		return false
	}
	if v6 {
		return typ >= packet.Type6Unreachable && typ <= packet.Type6ParamProblem
	}
	return typ == packet.TypeUnreachable || typ == packet.TypeTimeExceeded || typ == packet.TypeParamProblem
}

// forwardTo sends d on to a device.
func forwardTo(dev *device, class link.Class, d []byte) outcome {
	c := dev.attachment.Load()
	if c == nil {
		return ended(packet.LinkDown)
	}
	return outcome{to: c.link, class: class, forward: d}
}

// backAnswer decrements the TTL of a connector's answer. TTL 0 means that the
// connector could not see it. An answer that expires here is dropped, as a router would.
func (r *Relay) backAnswer(a proto.FlowAnswer, v6 bool) (proto.FlowAnswer, packet.Reason) {
	a.Decision = 0 // the edge decides, nobody else
	if a.Kind == proto.AnswerICMP && !r.plausible(a.Reporter, a.ICMPType, v6) {
		return proto.FlowAnswer{Kind: proto.AnswerSilent}, packet.Unsolicited
	}
	if a.TTL != 0 {
		ttl, ok := packet.NextTTL(a.TTL)
		if !ok {
			return proto.FlowAnswer{Kind: proto.AnswerSilent}, packet.TTLExpired
		}
		a.TTL = ttl
	}
	switch a.Kind {
	case proto.AnswerRefused:
		return a, packet.Refused
	case proto.AnswerICMP:
		return a, packet.Unreachable
	case proto.AnswerSilent:
		return a, packet.Timeout
	}
	return a, packet.OK
}
