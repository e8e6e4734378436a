package relay

import (
	"net/netip"
	"time"

	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// errorPacket answers the packet in s with an ICMP error from the hop address
// of its family. Where the edge has none, or RFC 1812 §4.3.2.7 forbids an error, there is no answer.
func (c *DeviceAttachment) errorPacket(s *scratch, reason packet.Reason, kind packet.ErrorKind, mtu int) verdict {
	hop := c.r.hop(s.p.V6)
	if !hop.IsValid() {
		return ended(reason)
	}
	typ, code := kind.TypeCode(s.p.V6)
	buf, ok := packet.AppendError(append(s.buf[:0], byte(proto.TypePacket)), packet.Error{
		Src: hop, Type: typ, Code: code, MTU: uint32(mtu), Pointer: s.p.Pointer,
	}, &s.p)
	s.buf = buf
	if !ok {
		return ended(reason)
	}
	if !c.answers.Allow() {
		return verdict{reason: reason, limited: true}
	}
	return verdict{reason: reason, back: buf}
}

// sessionError answers a packet of a UDP session with the event of an ICMP
// error from the hop address, of which the client makes the packet.
func (c *DeviceAttachment) sessionError(s *scratch, reason packet.Reason, kind packet.ErrorKind, e proto.UDPEvent, v6 bool) verdict {
	if e.Reporter = c.r.hop(v6); !e.Reporter.IsValid() {
		return ended(reason)
	}
	if !c.answers.Allow() {
		return verdict{reason: reason, limited: true}
	}
	if e.Kind == 0 {
		e.Kind = proto.EventICMP
	}
	e.ICMPType, e.ICMPCode = kind.TypeCode(v6)
	e.TTL = packet.DefaultTTL
	return c.sessionEvent(s, reason, e)
}

// sessionEvent answers with an event.
func (c *DeviceAttachment) sessionEvent(s *scratch, reason packet.Reason, e proto.UDPEvent) verdict {
	s.reply = e
	s.buf = proto.AppendUDPEvent(s.buf[:0], &s.reply)
	return verdict{reason: reason, back: s.buf}
}

// denySilently is deny where no answer goes back: the message for the device takes an answer's place in its limit.
func (c *DeviceAttachment) denySilently(st *compiled, sub *source, t policy.Target) (proto.DecisionID, *proto.Denial) {
	id, told := c.deny(st, sub, t)
	if told != nil && !c.answers.Allow() {
		told = nil // it stays in the edge's own log
	}
	return id, told
}

// deny records a denial. The message for the device is nil where it has been told of the same one.
func (c *DeviceAttachment) deny(st *compiled, sub *source, t policy.Target) (proto.DecisionID, *proto.Denial) {
	id, first := c.r.denials.Deny(st.policy, sub.principal, t)
	if !first {
		return id, nil
	}
	dst := t.Dst.String()
	if t.Proto != policy.ICMP {
		dst = netip.AddrPortFrom(t.Dst, t.Port).String()
	}
	return id, &proto.Denial{ID: id, Time: time.Now().UTC(), Protocol: t.Proto.String(), Dst: dst}
}

// tooBig says whether an IP packet of size bytes must be answered with "packet too big"
// instead of taking a stream on to, and with which MTU. A link has one MTU, as hosts
// remember one for a destination: that of a whole packet, although a session's would be larger.
func (r *Relay) tooBig(to Link, size int, df, v6 bool) (mtu int, yes bool) {
	if !df || size > r.mtu || v6 && size <= packet.MinMTU6 {
		return 0, false
	}
	limit, settled := to.MaxDatagram()
	if !settled || size+proto.PacketOverhead <= limit {
		return 0, false
	}
	mtu = limit - proto.PacketOverhead
	if v6 {
		mtu = max(mtu, packet.MinMTU6)
	}
	return mtu, true
}
