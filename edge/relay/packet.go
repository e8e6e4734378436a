package relay

import (
	"net/netip"
	"time"

	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// packet takes an IP packet from the device. Of those that travel so only queries of ICMP go further
// than the edge.
func (a *DeviceAttachment) packet(d []byte, s *scratch) outcome {
	ip, err := proto.ParsePacket(d)
	if err != nil {
		return ended(packet.Malformed)
	}
	p, st := &s.p, a.r.state.Load()
	parsed := packet.Parse(ip, p)
	if parsed != packet.OK && parsed != packet.BadOption {
		return ended(parsed)
	}
	q := request{
		proto: policy.ICMP, src: netip.AddrPortFrom(p.Src, 0), dst: netip.AddrPortFrom(p.Dst, 0), ident: p.Ident,
		ttl: p.TTL, size: len(p.Raw), df: p.DF,
	}
	switch {
	case parsed == packet.BadOption:
		q.fault = packet.Verdict{Reason: parsed, Answer: p.Fault}
	case p.Class == packet.ClassOther:
		q.proto, q.stop = policy.Proto(p.Proto), packet.Verdict{Reason: packet.Unsupported, Answer: p.Fault}
	case p.Class != packet.ClassICMP:
		q.fault = packet.Verdict{Reason: packet.Unsupported} // it travels otherwise
	case !p.IsQuery():
		q.stop = packet.Verdict{Reason: packet.Unsupported}
	}
	at, v := a.decide(st, &q)
	switch v.Reason {
	case packet.OK:
	case packet.Refused:
		if q.stop.Reason == packet.OK {
			return a.ownPacket(s)
		}
		return a.refusePacket(st, &q, &at, q.stop, s)
	default:
		return a.refusePacket(st, &q, &at, v, s)
	}
	a.r.asked.note(a.dev.owner, p.Dst, p.Ident)
	p.SetTTL(at.ttl)
	a.r.record(p)
	return outcome{to: at.to.link, owner: a.dev.owner, class: link.Urgent, forward: d[:proto.PacketOverhead+len(p.Raw)]}
}

// ownPacket delivers a query for the hop address itself: it is answered.
func (a *DeviceAttachment) ownPacket(s *scratch) outcome {
	if !s.p.TransportOK() {
		return ended(packet.Malformed)
	}
	var ok bool
	if s.buf, ok = packet.AppendQueryReply(append(s.buf[:0], byte(proto.TypePacket)), &s.p, time.Now); !ok {
		return ended(packet.Malformed)
	}
	return outcome{back: s.buf}
}

// refusePacket answers the packet in s with the ICMP error itself.
func (a *DeviceAttachment) refusePacket(st *compiled, q *request, at *pass, v packet.Verdict, s *scratch) outcome {
	q.mute = !s.p.AllowsError()
	r := a.refuse(st, q, at, v)
	o := r.outcome()
	if r.Silent() {
		return o
	}
	r.Error.Pointer = s.p.Pointer
	var ok bool
	if s.buf, ok = r.AppendPacket(append(s.buf[:0], byte(proto.TypePacket)), &s.p); ok {
		o.back = s.buf
	}
	return o
}
