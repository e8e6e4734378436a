package path

import (
	"container/list"
	"sync"
	"time"

	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// maxSessions bounds the UDP sessions of a client.
const maxSessions = 8192

// sessions is the table of UDP sessions: one for each five-tuple of the host.
// Safe for concurrent use.
//
// It is not a table.Table: a session is found by its tuple on the way out and by
// its id on the way in, and changed under the same lock. That table would cost a
// second lock and a second search: 80 ns of the 370 that a packet takes.
type sessions struct {
	max int

	// mu guards what follows, and each session.
	mu    sync.Mutex
	limit time.Duration // idle time that the edge asked for
	byID  map[proto.SessionID]*session
	byKey map[tuple]*session
	quiet *list.List // of *session: those never answered, the one used last at the back
	swept time.Time
}

func newSessions(max int) *sessions {
	return &sessions{
		max: max, limit: hop.DefaultIdle, quiet: list.New(),
		byID: make(map[proto.SessionID]*session), byKey: make(map[tuple]*session),
	}
}

// out turns a UDP packet of the host into a datagram, appended to buf: a
// registration with its payload until the connector has answered, a payload
// from then on.
func (t *sessions) out(buf []byte, p *packet.Packet, now time.Time, st *linkState) outcome {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.limit = hop.SessionIdle(0, st.idle)
	s := t.byKey[tuple{p.SrcAddrPort(), p.DstAddrPort()}]
	var gave *session
	if s == nil {
		if s, gave = t.create(tuple{p.SrcAddrPort(), p.DstAddrPort()}, now); s == nil {
			return outcome{reason: packet.TableFull}
		}
	}
	if s.quiet != nil {
		t.quiet.MoveToBack(s.quiet)
	}
	if s.epoch != st.epoch {
		s.registered, s.epoch = false, st.epoch
	}
	s.used = now
	s.traffic.Sent()
	d := datagram(buf[:0], s, s.note(p), p, st)
	if gave != nil {
		d.ended, d.also = gave.id, packet.Superseded
	}
	return d
}

// datagram makes the datagram that carries p.
func datagram(buf []byte, s *session, tag uint16, p *packet.Packet, st *linkState) outcome {
	payload := p.Payload()
	class := s.traffic.Class(len(payload))
	if s.registered {
		u := proto.UDPPayload{Session: s.id, Tag: tag, TTL: p.TTL, Class: p.TOS, DF: p.DF, Payload: payload}
		return outcome{to: theEdge, class: class, pkt: proto.AppendUDPPayload(buf, &u)}
	}
	r := proto.UDPRegistration{
		Session: s.id, Src: s.src, Dst: s.dst, Tag: tag, Idle: st.idle,
		TTL: p.TTL, Class: p.TOS, DF: p.DF, Payload: payload,
	}
	return outcome{to: theEdge, class: class, pkt: proto.AppendUDPRegistration(buf, &r)}
}

// create makes a session; nil if there is no room. In a full table the idlest
// session that has never been answered makes room, and is returned as gave: a scan
// keeps no name server out.
func (t *sessions) create(key tuple, now time.Time) (s, gave *session) {
	if len(t.byKey) >= t.max && now.Sub(t.swept) >= time.Second {
		t.sweep(now)
	}
	if len(t.byKey) >= t.max {
		e := t.quiet.Front()
		if e == nil {
			return nil, nil
		}
		gave = e.Value.(*session)
		t.remove(gave)
	}
	s = newSession(key, now)
	s.quiet = t.quiet.PushBack(s)
	t.byKey[key], t.byID[s.id] = s, s
	return s, gave
}

func (t *sessions) remove(s *session) {
	delete(t.byKey, s.tuple)
	delete(t.byID, s.id)
	t.keep(s)
}

// keep takes s out of those that may make room; t.mu is held.
func (t *sessions) keep(s *session) {
	if s.quiet != nil {
		t.quiet.Remove(s.quiet)
		s.quiet = nil
	}
}

// in turns a payload from the connector into a UDP packet for the host, appended to buf.
func (t *sessions) in(buf []byte, u *proto.UDPPayload, now time.Time) outcome {
	t.mu.Lock()
	s := t.byID[u.Session]
	if s == nil {
		t.mu.Unlock()
		return outcome{reason: packet.UnknownSession}
	}
	s.used = now
	s.traffic.Received()
	t.keep(s)
	key := s.tuple
	t.mu.Unlock()
	if limit := maxPayload(key.dst.Addr().Is6()); len(u.Payload) > limit {
		return outcome{reason: packet.TooLarge}
	}
	pkt := packet.UDPPacket{Src: key.dst, Dst: key.src, TTL: u.TTL, TOS: u.Class, DF: u.DF, ID: ipID(u), Payload: u.Payload}
	return outcome{to: theHost, pkt: packet.AppendUDP(buf, &pkt)}
}

// maxPayload is the size of the largest UDP payload that one IP packet holds.
func maxPayload(v6 bool) int {
	if v6 {
		return 65535 - 8
	}
	return 65535 - 20 - 8
}

// ipID returns the IPv4 identification of an inbound packet. Packets reach the
// host whole, so any value will do (RFC 6864 §4.1: atomic datagrams); one that
// changes makes captures easier to read.
func ipID(u *proto.UDPPayload) uint16 { return uint16(u.Session) + u.Tag + uint16(len(u.Payload)) }

// event handles what the edge or the connector says about a session. An error or
// datagram is appended to buf.
func (t *sessions) event(buf []byte, e *proto.UDPEvent, now time.Time, st *linkState) outcome {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.byID[e.Session]
	if s == nil {
		return outcome{reason: packet.UnknownSession}
	}
	switch e.Kind {
	case proto.EventRegistered:
		s.registered, s.epoch = true, st.epoch
	case proto.EventUnknown:
		return again(buf, s, e.Tag, st)
	case proto.EventClosed:
		t.remove(s)
	case proto.EventICMP:
		return sessionError(buf, s, e, st)
	case proto.EventDenied:
		return sessionDenied(buf, s, e, now, st)
	default:
		return outcome{reason: packet.UnknownType}
	}
	return outcome{}
}

// again registers a session that the connector has lost. Only the packet that
// the event names was dropped for it, and only the newest is kept whole, so
// nothing else is sent again: we make no duplicates.
func again(buf []byte, s *session, tag uint16, st *linkState) outcome {
	s.registered = false
	var p packet.Packet
	if tag != s.tag || s.resent || len(s.last) == 0 || packet.Parse(s.last, &p) != packet.OK {
		return outcome{}
	}
	s.resent = true
	d := datagram(buf, s, tag, &p, st)
	return outcome{to: d.to, class: d.class, pkt: d.pkt}
}

func sessionError(buf []byte, s *session, e *proto.UDPEvent, st *linkState) outcome {
	r := hop.OfEvent(e)
	if r.Silent() { // the edge spoke for itself
		r.Error.Src = st.hop(s.dst.Addr().Is6())
	}
	back, ok := appendHeard(buf, &r, s.quoted(e.Tag))
	if !ok {
		return outcome{reason: packet.Unsolicited}
	}
	return outcome{reason: outcomeOf(r.Error.Src, r.Error.Type, r.Error.Code, s.dst.Addr().Is6(), st), to: theHost, pkt: back}
}

func sessionDenied(buf []byte, s *session, e *proto.UDPEvent, now time.Time, st *linkState) outcome {
	typ, code := packet.AdminProhibited.TypeCode(s.dst.Addr().Is6())
	if e.ICMPType == 0 { // an event may name another error for its "no"
		e.ICMPType, e.ICMPCode = typ, code
	}
	o := sessionError(buf, s, e, st)
	o.reason = packet.Denied
	if e.Decision != 0 {
		o.denial = &proto.Denial{ID: e.Decision, Time: now, Protocol: "udp", Dst: s.dst.String()}
	}
	s.registered = false
	return o
}

// sweep forgets idle sessions. It returns the ids of those that a connector may
// still have. The caller holds the lock.
func (t *sessions) sweep(now time.Time) (closed []proto.SessionID) {
	t.swept = now
	for _, s := range t.byKey {
		if now.Sub(s.used) < s.traffic.Idle(s.dst.Port(), t.limit) {
			continue
		}
		t.remove(s)
		if s.registered {
			closed = append(closed, s.id)
		}
	}
	return closed
}

// expire forgets idle sessions and returns the ids of those that a connector
// may still have.
func (t *sessions) expire(now time.Time) []proto.SessionID {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sweep(now)
}

// len returns how many sessions there are.
func (t *sessions) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byKey)
}
