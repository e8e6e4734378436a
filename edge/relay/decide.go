package relay

import (
	"net/netip"
	"time"

	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// request is what a device wants to send on: a packet, mostly a query of ICMP, a packet of a UDP
// session, or the SYN of a flow.
type request struct {
	proto    policy.Proto
	src, dst netip.AddrPort // ports 0 where it has none
	ident    uint16         // of a query: it keeps a pinger with one connector
	ttl      uint8          // as it came
	size     int            // of the whole IP packet; 0 = it fits any link
	df       bool           // it must not be fragmented
	fault    packet.Verdict // what is wrong with itself, said once its source is known; zero = nothing
	stop     packet.Verdict // of a kind that goes no further than the edge, as is said to who may send it; zero = it does
	mute     bool           // no error may be made about it
	session  *session       // whose it is, where there is one already
}

func (q *request) v6() bool { return q.dst.Addr().Is6() }

// ported says whether it has ports: then it is no packet.
func (q *request) ported() bool { return q.proto == policy.UDP || q.proto == policy.TCP }

// pass is what the rooms have found of a request, as far as it came: with OK, how it goes on.
type pass struct {
	from   *source
	tunnel string // id
	to     *ConnectorAttachment
	ttl    uint8 // with which it goes on
}

// decide is where a packet, session or flow of a device is let through or not, all by these rooms
// in this order. The verdict says where it ended and what its sender is to hear; nothing is sent,
// counted or remembered here.
func (a *DeviceAttachment) decide(st *compiled, q *request) (at pass, v packet.Verdict) {
	if r := q.malformed(); r != packet.OK {
		return at, packet.Verdict{Reason: r}
	}
	// 1. Source: an address of this device. Nobody speaks for another.
	if at.from = st.source(a.dev, q.src.Addr()); at.from == nil {
		return at, packet.Verdict{Reason: packet.Spoofed}
	}
	if q.fault.Reason != packet.OK {
		return at, q.fault
	}
	// 2. Own address: a packet for the hop itself is delivered, whatever its TTL (RFC 1812 §5.2.1).
	if a.r.isHop(q.dst.Addr()) {
		return at, packet.Verdict{Reason: packet.Refused, Answer: packet.PortUnreachable}
	}
	// 3. TTL.
	if at.ttl, v = step(q.ttl); v.Reason != packet.OK {
		return at, v
	}
	// 4. Route, and 5. policy.
	if at.tunnel, v = st.permit(at.from, q.proto, &q.dst); v.Reason != packet.OK {
		return at, v
	}
	if q.stop.Reason != packet.OK {
		return at, q.stop
	}
	// 6. Place: the connector that it goes to.
	if at.to = st.place(q, at.tunnel); at.to == nil {
		return at, packet.Verdict{Reason: packet.ConnectorDown, Answer: packet.HostUnreachable}
	}
	// 7. Size.
	return at, a.r.fits(at.to.link, q.size, q.df, q.v6())
}

// decideOpen is decide for another packet of a session that has been let in: rooms 3, 6 and 7. Its
// registration has passed the others, and passes 1, 4 and 5 again whenever the state changes
// (reexamine). Without a connector there is no answer: to register again finds another one.
func (a *DeviceAttachment) decideOpen(s *session, p *proto.UDPPayload) (to *ConnectorAttachment, ttl uint8, v packet.Verdict) {
	if ttl, v = step(p.TTL); v.Reason != packet.OK {
		return nil, 0, v
	}
	if to = s.con.attachment.Load(); to == nil {
		return nil, 0, packet.Verdict{Reason: packet.ConnectorDown}
	}
	v6 := s.dst.Addr().Is6()
	return to, ttl, a.r.fits(to.link, ipUDP(v6)+len(p.Payload), p.DF, v6)
}

// malformed says whether the addresses can be those of a session or flow. For packets
// packet.Parse has said so.
func (q *request) malformed() packet.Reason {
	dst := q.dst.Addr()
	switch {
	case !q.ported():
	case q.src.Addr().Is4() != dst.Is4():
		return packet.Malformed
	case dst.IsMulticast() || dst.IsUnspecified() || dst.IsLinkLocalUnicast() && dst.Is6():
		return packet.Multicast
	case dst.Is4() && (dst.As4()[0] >= 224 || dst.As4()[0] == 0):
		return packet.Multicast
	}
	return packet.OK
}

// source is room 1: who sends from an address on the link of dev, nil where it is not dev's.
func (c *compiled) source(dev *device, addr netip.Addr) *source {
	if from := c.byAddr[addr]; from != nil && from.dev == dev {
		return from
	}
	return nil
}

// step is room 3: the TTL with which a packet goes on that came with ttl.
func step(ttl uint8) (uint8, packet.Verdict) {
	next, ok := packet.NextTTL(ttl)
	if !ok {
		return 0, packet.Verdict{Reason: packet.TTLExpired, Answer: packet.TimeExceeded}
	}
	return next, packet.Verdict{}
}

// permit is rooms 4 and 5: the tunnel that dst is routed to, and whether from may reach it. The
// route is looked up first, as a grant may name a tunnel; but denied wins over not routed.
func (c *compiled) permit(from *source, proto policy.Proto, dst *netip.AddrPort) (tunnel string, v packet.Verdict) {
	entry, routed := c.table.Lookup(dst.Addr())
	t := policy.Target{Dst: dst.Addr(), Proto: proto, Port: dst.Port(), Tunnel: entry.Tunnel}
	if !from.reach.Decide(t).Allowed {
		return entry.Tunnel, packet.Verdict{Reason: packet.Denied, Answer: packet.AdminProhibited}
	}
	if !routed {
		return "", packet.Verdict{Reason: packet.NoRoute, Answer: packet.NetUnreachable}
	}
	return entry.Tunnel, packet.Verdict{}
}

// place is room 6: a session stays where it is while its connector is attached, everything else is
// placed by what keeps a conversation together. Nil where nobody serves the tunnel.
func (c *compiled) place(q *request, tunnel string) *ConnectorAttachment {
	if s := q.session; s != nil && s.tunnel == tunnel {
		if at := s.con.attachment.Load(); at != nil {
			return at
		}
	}
	t := c.tunnels[tunnel]
	if only := t.only(); only != nil {
		return only.attachment.Load()
	}
	return t.pick(placeKey(q.src.Addr(), q.dst.Addr(), q.proto, q.ident))
}

// fits is room 7: whether a packet of size bytes must be answered with "packet too big" instead of taking a
// stream, and with which MTU. A link has one MTU, as hosts remember one for a destination: that
// of a whole packet, although a session's would be larger.
func (r *Relay) fits(to Link, size int, df, v6 bool) packet.Verdict {
	if !df || size > r.mtu || v6 && size <= packet.MinMTU6 {
		return packet.Verdict{}
	}
	limit, settled := to.MaxDatagram()
	if !settled || size+proto.PacketOverhead <= limit {
		return packet.Verdict{}
	}
	mtu := limit - proto.PacketOverhead
	if v6 {
		mtu = max(mtu, packet.MinMTU6)
	}
	return packet.Verdict{Reason: packet.TooLarge, Answer: packet.TooBig, MTU: uint32(mtu)}
}

// refusal is a verdict in the form in which the device hears of it: packet.go, session.go and
// flow.go each have one encoding of it.
type refusal struct {
	hop.Refusal
	limited bool          // it was due to be heard, but the device has had enough of them
	tell    *proto.Denial // a denial that no answer names, and of which the device has not been told
}

// refuse completes the verdict v on q: in whose name it is said, if at all, and under which id a
// denial is found.
func (a *DeviceAttachment) refuse(st *compiled, q *request, at *pass, v packet.Verdict) refusal {
	var from netip.Addr
	if !q.mute && !(a.r.silent && hushed(v.Reason)) {
		from = a.r.hop(q.v6())
	}
	r := refusal{Refusal: hop.Refuse(v, from, q.ttl)}
	reset := q.proto == policy.TCP && v.Reason == packet.Refused // which is no ICMP error
	if !r.Silent() && !reset && !a.limit.Allow(v.Reason, time.Now()) {
		if v.Reason == packet.Denied {
			a.r.denials.DenyUnheard(at.from.principal, deniedTarget(q, at))
		}
		return refusal{Refusal: hop.Refusal{Reason: v.Reason}, limited: true}
	}
	if v.Reason == packet.Denied {
		a.deny(st, q, at, &r)
	}
	return r
}

// hushed says whether `unreachable: silent` drops what ended for why, so that the path looks as
// if nobody were behind the edge. TTL and size are the edge's own to say.
func hushed(why packet.Reason) bool {
	return why == packet.Denied || why == packet.NoRoute || why == packet.ConnectorDown
}

// deny records the denial r and gives it its id. The id goes into the answer where that has room
// for it. A packet has none, and silence says nothing: then a control message tells it, once, in
// the place of an answer in the device's limit where there is no other.
func (a *DeviceAttachment) deny(st *compiled, q *request, at *pass, r *refusal) {
	t := deniedTarget(q, at)
	id, first := a.r.denials.Deny(st.policy, at.from.principal, t)
	r.Decision = id
	switch {
	case !first, !r.Silent() && q.ported():
		return
	case r.Silent() && !a.limit.Allow(r.Reason, time.Now()):
		return // it stays in the edge's own log
	}
	dst := t.Dst.String()
	if q.ported() {
		dst = q.dst.String()
	}
	r.tell = &proto.Denial{ID: id, Time: time.Now().UTC(), Protocol: t.Proto.String(), Dst: dst}
}

// deniedTarget is what was denied to q.
func deniedTarget(q *request, at *pass) policy.Target {
	return policy.Target{Dst: q.dst.Addr(), Proto: q.proto, Port: q.dst.Port(), Tunnel: at.tunnel}
}

// outcome is r without the answer, which is a matter of the wire that it goes on.
func (r *refusal) outcome() outcome {
	return outcome{reason: r.Reason, limited: r.limited, tell: r.tell}
}

// changed says whether a change of the state after st forbids t, which has just been put into its
// table: the change has not seen it there (reexamine).
func (r *Relay) changed(st *compiled, t *tuple) bool {
	now := r.state.Load()
	return now != st && !now.allows(t)
}
