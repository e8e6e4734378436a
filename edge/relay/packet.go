package relay

import (
	"net/netip"

	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// packet takes an IP packet from the device. Only ICMP travels so; of it only echo requests go
// further than the edge.
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
		ttl: p.TTL, size: len(p.Raw), df: p.DF, alien: !p.IsEchoRequest(),
	}
	switch {
	case p.Class != packet.ClassICMP:
		q.fault = packet.Verdict{Reason: packet.Unsupported}
	case parsed == packet.BadOption:
		q.fault = packet.Verdict{Reason: parsed, Answer: p.Fault}
	}
	at, v := a.decide(st, &q)
	switch v.Reason {
	case packet.OK:
	case packet.Refused:
		return a.ownPacket(s)
	default:
		return a.refusePacket(st, &q, &at, v, s)
	}
	a.r.asked.note(a.dev.owner, p.Dst, p.Ident)
	p.SetTTL(at.ttl)
	return outcome{to: at.to.link, owner: a.dev.owner, class: link.Urgent, forward: d[:proto.PacketOverhead+len(p.Raw)]}
}

// ownPacket delivers a packet for the hop address itself: echo is answered.
func (a *DeviceAttachment) ownPacket(s *scratch) outcome {
	if !s.p.IsEchoRequest() {
		return ended(packet.Unsupported)
	}
	if !s.p.TransportOK() {
		return ended(packet.Malformed)
	}
	s.buf = packet.AppendEchoReply(append(s.buf[:0], byte(proto.TypePacket)), &s.p)
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
