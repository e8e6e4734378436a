package udp

import (
	"net/netip"
	"time"

	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// event sends e to the client; what becomes of it is counted.
func (t *Sessions) event(e *proto.UDPEvent) {
	var buf [64]byte
	if r := t.cfg.Deliver(link.Urgent, proto.AppendUDPEvent(buf[:0], e)); r != packet.OK {
		t.cfg.Count(r)
	}
}

// answer tells the client what v says about a packet of its session that
// arrived here with ttl, and returns the reason to count.
func (t *Sessions) answer(id proto.SessionID, src, dst netip.AddrPort, tag uint16, ttl uint8, v packet.Verdict) packet.Reason {
	if v.Answer == packet.NoError {
		return v.Reason
	}
	from, ok := t.cfg.Reporter(src.Addr(), dst.Addr(), v.Reason)
	if !ok {
		return v.Reason
	}
	typ, code := v.Answer.TypeCode(dst.Addr().Is6())
	t.event(&proto.UDPEvent{
		Kind: proto.EventICMP, Session: id, Tag: tag, ICMPType: typ, ICMPCode: code,
		TTL: packet.DefaultTTL, QuotedTTL: max(ttl, 1), MTU: uint16(min(v.MTU, 1<<16-1)), Reporter: from,
	})
	return v.Reason
}

// report is an ICMP error that the network sent about a packet of a session.
type report struct {
	from      netip.Addr
	typ, code uint8
	ttl       uint8 // 0 = unknown
	info      uint32
	data      []byte // what was quoted of the payload
}

// fail tells the client; s.mu is held.
func (t *Sessions) fail(s *session, r *report) {
	now := time.Now()
	p := s.ring.match(r.data, s.awaitedSince(now))
	if p == nil {
		t.cfg.Count(packet.Unsolicited)
		return
	}
	s.answeredIn(now.Sub(s.began) - p.at)
	t.cfg.Answered(s.dst.Addr(), r.from)
	ttl, ok := t.backTTL(r.from, r.ttl)
	if !ok {
		t.cfg.Count(packet.TTLExpired)
		return
	}
	e := packet.Error{Src: r.from, Type: r.typ, Code: r.code, TTL: r.ttl}
	quoted := hop.QuotedTTL(&e, s.dst.Addr(), p.ttl, t.cfg.Own(r.from))
	t.event(&proto.UDPEvent{
		Kind: proto.EventICMP, Session: s.id, Tag: p.tag, ICMPType: r.typ, ICMPCode: r.code,
		TTL: ttl, QuotedTTL: quoted, MTU: uint16(min(r.info, 1<<16-1)), Reporter: r.from,
	})
}

// backTTL returns the TTL with which something from an address leaves us. What
// our own host says did not cross us as a router.
func (t *Sessions) backTTL(from netip.Addr, ttl uint8) (uint8, bool) {
	if ttl == 0 { // unknown: as if the sender were next to us
		ttl = packet.DefaultTTL
	}
	if t.cfg.Own(from) {
		return ttl, true
	}
	t.cfg.Seen(from, ttl)
	return packet.NextTTL(ttl)
}
