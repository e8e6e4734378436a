package icmp

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// report is an ICMP error about one of our requests, as a transport received it.
type report struct {
	v6         bool
	dst        netip.Addr // where our request was going
	from       netip.Addr // who reports
	typ, code  uint8
	ttl        uint8  // 0 = unknown
	info       uint32 // MTU or pointer
	quoted     []byte // our request from its ICMP header on, as far as the reporter quoted it
	ident, seq uint16
}

// newReport reads identifier and sequence out of what was quoted. False where that is no echo request.
func newReport(v6 bool, quoted []byte) (report, bool) {
	want := byte(packet.TypeEchoRequest)
	if v6 {
		want = packet.Type6EchoRequest
	}
	if len(quoted) < 8 || quoted[0] != want {
		return report{}, false
	}
	return report{
		v6: v6, quoted: quoted,
		ident: binary.BigEndian.Uint16(quoted[4:]), seq: binary.BigEndian.Uint16(quoted[6:]),
	}, true
}

// fail hands an ICMP error to the client whose request caused it.
func (n *NAT) fail(r *report) {
	if reason := n.tryFail(r); reason != packet.OK {
		n.cfg.Count(reason)
	}
}

func (n *NAT) tryFail(r *report) packet.Reason {
	s := n.bufs.Get().(*scratch)
	defer n.bufs.Put(s)
	orig, ttl, ok := n.quote(s, r)
	if !ok {
		return packet.Unsolicited
	}
	n.cfg.Answered(r.dst, r.from)
	back, ok := n.backTTL(r.from, r.ttl)
	if !ok {
		return packet.TTLExpired
	}
	e := packet.Error{Src: r.from, Type: r.typ, Code: r.code, TTL: r.ttl, MTU: r.info, Pointer: r.info}
	orig.SetTTL(hop.QuotedTTL(&e, orig.Dst, ttl, n.cfg.Own(r.from)))
	e.TTL = back
	s.out, ok = packet.AppendError(append(s.out[:0], byte(proto.TypePacket)), e, &orig)
	if !ok {
		return packet.Malformed
	}
	return n.cfg.Deliver(s.out)
}

// quote finds the request that r is about and writes the client's own packet
// (RFC 5508 REQ-4) into s: what we kept of it, and behind that what the
// reporter quoted of its payload. It also returns the TTL with which it came to us.
func (n *NAT) quote(s *scratch, r *report) (packet.Packet, uint8, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := n.outer[outer{v6: r.v6, ident: r.ident}]
	if m == nil {
		return packet.Packet{}, 0, false
	}
	q := m.find(r.dst, r.seq, r.quoted[8:], time.Now())
	if q == nil {
		return packet.Packet{}, 0, false
	}
	q.done = true
	s.quote = append(s.quote[:0], q.head[:q.size]...)
	if known := int(q.size - q.hdr); len(r.quoted) > known && q.size == headSize {
		s.quote = append(s.quote, r.quoted[known:]...)
	}
	return packet.Packet{
		Raw: s.quote, V6: r.v6, Src: m.client, Dst: q.dst, Hdr: int(q.hdr),
		Class: packet.ClassICMP, Type: r.quoted[0], Ident: m.ident, Seq: q.seq,
	}, q.ttl, true
}
