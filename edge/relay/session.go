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
func (a *DeviceAttachment) registration(d []byte, s *scratch) outcome {
	reg, st := &s.reg, a.r.state.Load()
	if proto.ParseUDPRegistration(d, reg) != nil {
		return ended(packet.Malformed)
	}
	old := a.r.sessions.get(reg.Session)
	q := request{
		proto: policy.UDP, src: reg.Src, dst: reg.Dst, ttl: reg.TTL, session: old,
		size: ipUDP(reg.Dst.Addr().Is6()) + len(reg.Payload), df: reg.DF, fault: packet.Verdict{Reason: old.foreign(a.dev, reg)},
	}
	at, v := a.decide(st, &q)
	if v.Reason != packet.OK {
		return a.refuseSession(st, &q, &at, v, s, reg.Session, reg.Tag)
	}
	idle := hop.SessionIdle(reg.Idle, a.r.idle)
	if time.Duration(reg.Idle)*time.Second > idle { // a client cannot keep a connector's sessions for hours
		proto.SetRegistrationIdle(d, uint16(idle/time.Second))
	}
	sess, out, ok := a.r.keep(&at, old, reg, idle)
	switch {
	case !ok:
		return a.refuseSession(st, &q, &at, packet.Verdict{Reason: packet.TableFull, Answer: packet.HostUnreachable}, s, reg.Session, reg.Tag)
	case sess != old && a.r.changed(st, &sess.tuple): // to register again tells why
		a.r.sessions.end(sess)
		o := a.sessionEvent(s, packet.Denied, proto.UDPEvent{Session: reg.Session, Kind: proto.EventClosed})
		o.out = out
		return o
	}
	sess.answers.give(2, maxEvents) // registered, and an error
	sess.sent(d, at.ttl)
	return outcome{to: at.to.link, owner: a.dev.owner, class: sess.traffic.Class(len(reg.Payload)), forward: d, out: out}
}

// keep returns the session of a registration that was let in: old, where that is still where it goes,
// else a new one. out is that of sessions.open. False: a bound is reached.
func (r *Relay) keep(at *pass, old *session, reg *proto.UDPRegistration, idle time.Duration) (sess, out *session, ok bool) {
	if old != nil && old.con == at.to.con && old.tunnel == at.tunnel {
		return old, nil, true
	}
	sess = newSession(at.from, reg, idle, at.tunnel, at.to.con)
	out, ok = r.sessions.open(sess)
	return sess, out, ok
}

// payload carries one more payload of an open session.
func (a *DeviceAttachment) payload(d []byte, s *scratch) outcome {
	p := &s.payload
	if proto.ParseUDPPayload(d, p) != nil {
		return ended(packet.Malformed)
	}
	sess := a.r.sessions.get(p.Session)
	switch {
	case sess == nil:
		return a.unknownSession(s, packet.UnknownSession)
	case sess.dev != a.dev:
		return ended(packet.Spoofed)
	}
	to, ttl, v := a.decideOpen(sess, p)
	switch v.Reason {
	case packet.OK:
	case packet.ConnectorDown:
		a.r.sessions.end(sess)
		return a.unknownSession(s, v.Reason)
	default:
		q := request{proto: policy.UDP, src: sess.src, dst: sess.dst, ttl: p.TTL, session: sess}
		return a.refuseSession(a.r.state.Load(), &q, new(pass), v, s, p.Session, p.Tag)
	}
	sess.answers.give(1, maxEvents) // an error
	sess.sent(d, ttl)
	return outcome{to: to.link, owner: a.dev.owner, class: sess.traffic.Class(len(p.Payload)), forward: d}
}

// sent notes a datagram of the device, which goes on with ttl.
func (s *session) sent(d []byte, ttl uint8) {
	s.touch()
	s.traffic.Sent()
	proto.SetDatagramTTL(d, ttl)
}

// event takes what a client may say of a session: that it has ended.
func (a *DeviceAttachment) event(d []byte, s *scratch) outcome {
	e := &s.event
	if proto.ParseUDPEvent(d, e) != nil {
		return ended(packet.Malformed)
	}
	if e.Kind != proto.EventClosed && e.Kind != proto.EventUnknown {
		return ended(packet.Unsupported)
	}
	sess := a.r.sessions.get(e.Session)
	switch {
	case sess == nil:
		return ended(packet.UnknownSession)
	case sess.dev != a.dev:
		return ended(packet.Spoofed)
	}
	a.r.sessions.end(sess)
	if !sess.held.Load() && !sess.traffic.Answered() {
		return outcome{} // the connector refused it: a scan ends thousands of those
	}
	to := sess.con.attachment.Load()
	if to == nil {
		return ended(packet.ConnectorDown)
	}
	return outcome{to: to.link, owner: a.dev.owner, class: hop.EventClass, forward: d}
}

// refuseSession answers packet tag of a session with the event of the ICMP error, of which the
// client makes the packet.
func (a *DeviceAttachment) refuseSession(st *compiled, q *request, at *pass, v packet.Verdict, s *scratch, id proto.SessionID, tag uint16) outcome {
	r := a.refuse(st, q, at, v)
	o := r.outcome()
	if !r.Silent() {
		o.back = a.sessionEvent(s, r.Reason, r.Event(id, tag)).back
	}
	return o
}

// sessionEvent answers with an event.
func (a *DeviceAttachment) sessionEvent(s *scratch, reason packet.Reason, e proto.UDPEvent) outcome {
	s.reply = e
	s.buf = proto.AppendUDPEvent(s.buf[:0], &s.reply)
	return outcome{reason: reason, back: s.buf}
}

// unknownSession asks the client to register again.
func (a *DeviceAttachment) unknownSession(s *scratch, reason packet.Reason) outcome {
	return a.sessionEvent(s, reason, proto.UDPEvent{Session: s.payload.Session, Kind: proto.EventUnknown, Tag: s.payload.Tag})
}
