package icmp

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// icmpError is an ICMP error about one of our requests, as a transport received it.
type icmpError struct {
	packet.Error
	Outer
	seq    uint16
	dst    netip.Addr // where our request was going
	quoted []byte     // our request from its ICMP header on, as far as the reporter quoted it
}

// timestamp says whether the error is about a timestamp request; else it is about an echo request.
func (e *icmpError) timestamp() bool { return !e.V6 && e.quoted[0] == packet.TypeTimestamp }

// errorAbout reads identifier and sequence out of what an error quotes. False where that is no query.
func errorAbout(v6 bool, quoted []byte) (icmpError, bool) {
	if len(quoted) < 8 {
		return icmpError{}, false
	}
	if p := (packet.Packet{V6: v6, Class: packet.ClassICMP, Type: quoted[0]}); !p.IsQuery() {
		return icmpError{}, false
	}
	return icmpError{
		Outer: Outer{V6: v6, Ident: binary.BigEndian.Uint16(quoted[4:])}, seq: binary.BigEndian.Uint16(quoted[6:]),
		quoted: quoted,
	}, true
}

// fail hands an ICMP error to the client whose request caused it.
func (n *NAT) fail(e *icmpError) {
	if reason := n.tryFail(e); reason != packet.OK {
		n.cfg.Back.Count(reason)
	}
}

func (n *NAT) tryFail(e *icmpError) packet.Reason {
	s := n.bufs.Get().(*scratch)
	defer n.bufs.Put(s)
	orig, ttl, ok := n.quote(s, e)
	if !ok {
		return packet.Unsolicited
	}
	n.cfg.Host.Heard(e.dst, e.Src)
	r, ok := hop.Heard(e.Error, e.dst, ttl, n.cfg.Host.Seen(e.Src, e.TTL))
	if !ok {
		return packet.TTLExpired
	}
	s.out, ok = r.AppendPacket(append(s.out[:0], byte(proto.TypePacket)), &orig)
	if !ok {
		return packet.Malformed
	}
	return n.cfg.Back.Deliver(orig.Src, link.Urgent, s.out)
}

// quote finds the request that e is about and writes the client's own packet
// (RFC 5508 REQ-4) into s: what we kept of it, and behind that what the
// reporter quoted of its payload. It also returns the TTL with which it came to us.
func (n *NAT) quote(s *scratch, e *icmpError) (packet.Packet, uint8, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := n.outer[e.Outer]
	if m == nil {
		return packet.Packet{}, 0, false
	}
	q, how := m.find(question{e.dst, e.seq, e.timestamp()}, e.quoted[8:], time.Now())
	if how == unlike {
		return packet.Packet{}, 0, false
	}
	q.done = true
	s.quote = append(s.quote[:0], q.head[:q.size]...)
	if known := int(q.size - q.hdr); len(e.quoted) > known && q.size == headSize {
		s.quote = append(s.quote, e.quoted[known:]...)
	}
	return packet.Packet{
		Raw: s.quote, V6: e.V6, Src: m.client, Dst: q.dst, Hdr: int(q.hdr),
		Class: packet.ClassICMP, Type: e.quoted[0], Code: e.quoted[1], Ident: m.ident, Seq: q.seq,
	}, q.ttl, true
}
