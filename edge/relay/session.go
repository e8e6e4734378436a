package relay

import (
	"time"

	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// ipUDP returns the length of an IP and a UDP header.
func ipUDP(v6 bool) int {
	if v6 {
		return 48
	}
	return 28
}

// registration opens a session, or opens it again, and carries a payload of it.
func (c *DeviceAttachment) registration(d []byte, s *scratch) verdict {
	reg, st := &s.reg, c.r.state.Load()
	if proto.ParseUDPRegistration(d, reg) != nil {
		return ended(packet.Malformed)
	}
	if reason := checkTuple(reg.Src, reg.Dst); reason != packet.OK {
		return ended(reason)
	}
	sub := st.source(c.dev, reg.Src.Addr())
	if sub == nil {
		return ended(packet.Spoofed)
	}
	old := c.r.sessions.get(reg.Session)
	if old != nil && old.dev != c.dev {
		return ended(packet.Spoofed)
	}
	if old != nil && (old.src != reg.Src || old.dst != reg.Dst) {
		return ended(packet.Malformed)
	}
	v6 := reg.Dst.Addr().Is6()
	e := proto.UDPEvent{Session: reg.Session, Tag: reg.Tag, QuotedTTL: reg.TTL}
	switch {
	case c.r.isHop(reg.Dst.Addr()):
		return c.sessionError(s, packet.Refused, packet.PortUnreachable, e, v6)
	case reg.TTL <= 1:
		return c.sessionError(s, packet.TTLExpired, packet.TimeExceeded, e, v6)
	}
	return c.openSession(st, sub, old, d, s, e)
}

// openSession asks policy and route, places the session and sends the registration on.
func (c *DeviceAttachment) openSession(st *compiled, sub *source, old *session, d []byte, s *scratch, e proto.UDPEvent) verdict {
	reg, v6 := &s.reg, s.reg.Dst.Addr().Is6()
	entry, routed := st.table.Lookup(reg.Dst.Addr())
	target := policy.Target{Dst: reg.Dst.Addr(), Proto: policy.UDP, Port: reg.Dst.Port(), Tunnel: entry.Tunnel}
	if !st.policy.Decide(&sub.principal, target).Allowed {
		return c.deniedSession(st, sub, target, s, e)
	}
	if !routed {
		return c.unreachableSession(s, packet.NoRoute, packet.NetUnreachable, e, v6)
	}
	to := c.placeSession(st, old, reg, entry.Tunnel)
	if to == nil {
		return c.unreachableSession(s, packet.ConnectorDown, packet.HostUnreachable, e, v6)
	}
	if mtu, yes := c.r.tooBig(to.link, ipUDP(v6)+len(reg.Payload), reg.DF, v6); yes {
		e.MTU = uint16(mtu)
		return c.sessionError(s, packet.TooLarge, packet.TooBig, e, v6)
	}
	idle := hop.SessionIdle(reg.Idle, c.r.idle)
	if time.Duration(reg.Idle)*time.Second > idle { // a client cannot keep a connector's sessions for hours
		proto.SetRegistrationIdle(d, uint16(idle/time.Second))
	}
	sess, out := old, (*session)(nil)
	if old == nil || old.con != to.con || old.tunnel != entry.Tunnel {
		var ok bool
		sess = newSession(sub, reg, idle, entry.Tunnel, to.con)
		if out, ok = c.r.sessions.open(sess); !ok {
			return c.sessionError(s, packet.TableFull, packet.HostUnreachable, e, v6)
		}
		// A policy change between reading st and this line has not seen the session.
		if now := c.r.state.Load(); now != st && !now.allows(&sess.tuple) {
			c.r.sessions.end(sess)
			v := c.sessionEvent(s, packet.Denied, proto.UDPEvent{Session: reg.Session, Kind: proto.EventClosed})
			v.out = out
			return v
		}
	}
	sess.touch()
	sess.traffic.Sent()
	sess.answers.give(2, maxEvents) // registered, and an error
	proto.SetDatagramTTL(d, reg.TTL-1)
	return verdict{to: to.link, owner: c.dev.owner, class: sess.traffic.Class(len(reg.Payload)), forward: d, out: out}
}

// placeSession keeps a session where it is while its connector is connected, and places it otherwise.
func (c *DeviceAttachment) placeSession(st *compiled, old *session, reg *proto.UDPRegistration, tunnelID string) *ConnectorAttachment {
	if old != nil && old.tunnel == tunnelID {
		if at := old.con.attachment.Load(); at != nil {
			return at
		}
	}
	return st.tunnels[tunnelID].pick(placeKey(reg.Src.Addr(), reg.Dst.Addr(), policy.UDP, 0))
}

func (c *DeviceAttachment) deniedSession(st *compiled, sub *source, t policy.Target, s *scratch, e proto.UDPEvent) verdict {
	v6 := t.Dst.Is6()
	if c.r.silent || !c.r.hop(v6).IsValid() {
		_, told := c.denySilently(st, sub, t)
		return verdict{reason: packet.Denied, denied: told}
	}
	e.Kind = proto.EventDenied
	v := c.sessionError(s, packet.Denied, packet.AdminProhibited, e, v6)
	if v.back != nil { // the client records the denial that the event names
		id, _ := c.deny(st, sub, t)
		s.reply.Decision = id
		v.back = proto.AppendUDPEvent(s.buf[:0], &s.reply)
	}
	return v
}

// unreachableSession says no, or nothing where the edge is silent.
func (c *DeviceAttachment) unreachableSession(s *scratch, reason packet.Reason, kind packet.ErrorKind, e proto.UDPEvent, v6 bool) verdict {
	if c.r.silent {
		return ended(reason)
	}
	return c.sessionError(s, reason, kind, e, v6)
}

// payload carries one more payload of an open session.
func (c *DeviceAttachment) payload(d []byte, s *scratch) verdict {
	p := &s.payload
	if proto.ParseUDPPayload(d, p) != nil {
		return ended(packet.Malformed)
	}
	sess := c.r.sessions.get(p.Session)
	switch {
	case sess == nil:
		return c.unknownSession(s, packet.UnknownSession)
	case sess.dev != c.dev:
		return ended(packet.Spoofed)
	}
	v6 := sess.dst.Addr().Is6()
	e := proto.UDPEvent{Session: p.Session, Tag: p.Tag, QuotedTTL: p.TTL}
	if p.TTL <= 1 {
		return c.sessionError(s, packet.TTLExpired, packet.TimeExceeded, e, v6)
	}
	to := sess.con.attachment.Load()
	if to == nil { // registering again finds another connector, or the answer that there is none
		c.r.sessions.end(sess)
		return c.unknownSession(s, packet.ConnectorDown)
	}
	if mtu, yes := c.r.tooBig(to.link, ipUDP(v6)+len(p.Payload), p.DF, v6); yes {
		e.MTU = uint16(mtu)
		return c.sessionError(s, packet.TooLarge, packet.TooBig, e, v6)
	}
	sess.touch()
	sess.traffic.Sent()
	sess.answers.give(1, maxEvents) // an error
	proto.SetDatagramTTL(d, p.TTL-1)
	return verdict{to: to.link, owner: c.dev.owner, class: sess.traffic.Class(len(p.Payload)), forward: d}
}

// unknownSession asks the client to register again.
func (c *DeviceAttachment) unknownSession(s *scratch, reason packet.Reason) verdict {
	return c.sessionEvent(s, reason, proto.UDPEvent{Session: s.payload.Session, Kind: proto.EventUnknown, Tag: s.payload.Tag})
}

// event takes what a client may say of a session: that it has ended.
func (c *DeviceAttachment) event(d []byte, s *scratch) verdict {
	e := &s.event
	if proto.ParseUDPEvent(d, e) != nil {
		return ended(packet.Malformed)
	}
	if e.Kind != proto.EventClosed && e.Kind != proto.EventUnknown {
		return ended(packet.Unsupported)
	}
	sess := c.r.sessions.get(e.Session)
	switch {
	case sess == nil:
		return ended(packet.UnknownSession)
	case sess.dev != c.dev:
		return ended(packet.Spoofed)
	}
	c.r.sessions.end(sess)
	if !sess.held.Load() && !sess.traffic.Answered() {
		return verdict{} // the connector refused it: a scan ends thousands of those
	}
	return c.forwardEvent(sess.con.attachment.Load(), d)
}
