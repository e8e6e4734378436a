package relay

import (
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// verdict is what a room says about a datagram.
type verdict struct {
	reason packet.Reason
	// to, class: where the datagram goes on, changed in place; nil = nowhere. forward is what of it goes on.
	to      Link
	owner   link.Owner // of the datagram among those that share the link; 0: it is of one device
	class   link.Class
	forward []byte
	// back is a datagram for the sender; it lies in the scratch. limited: it was due, but the sender has had enough of them.
	back    []byte
	limited bool
	// denied names a denial of which the sender's device has not been told yet.
	denied *proto.Denial
	// out is a session that has made room for another: its two sides have not been told.
	out *session
}

// ended is a verdict without consequences.
func ended(r packet.Reason) verdict { return verdict{reason: r} }

// scratch is the memory of one pass through the rooms, so that none allocates.
type scratch struct {
	p, quoted packet.Packet
	reg       proto.UDPRegistration
	payload   proto.UDPPayload
	event     proto.UDPEvent
	reply     proto.UDPEvent
	buf       []byte
}

// maxScratch is the largest buffer that is kept for the next pass.
const maxScratch = 4096

func (r *Relay) take() *scratch { return r.scratch.Get().(*scratch) }

func (r *Relay) give(s *scratch) {
	if cap(s.buf) > maxScratch {
		s.buf = nil // an echo reply of 64 KiB is rare; do not keep its memory
	}
	r.scratch.Put(s)
}

// Datagram takes one datagram that arrived from the device. d is changed in place.
// The reason is OK where the datagram went on or was answered as asked.
func (c *DeviceAttachment) Datagram(d []byte) packet.Reason {
	s := c.r.take()
	defer c.r.give(s)
	var v verdict
	switch kindOf(d) {
	case proto.TypePacket:
		v = c.packet(d, s)
	case proto.TypeUDPRegistration:
		v = c.registration(d, s)
	case proto.TypeUDPPayload:
		v = c.payload(d, s)
	case proto.TypeUDPEvent:
		v = c.event(d, s)
	default:
		v = ended(packet.UnknownType)
	}
	return c.r.carryOut(&v, c.link)
}

// Datagram takes one datagram that arrived from the connector, as DeviceAttachment.Datagram does.
func (c *ConnectorAttachment) Datagram(d []byte) packet.Reason {
	s := c.r.take()
	defer c.r.give(s)
	var v verdict
	switch kindOf(d) {
	case proto.TypePacket:
		v = c.packet(d, s)
	case proto.TypeUDPPayload:
		v = c.payload(d, s)
	case proto.TypeUDPEvent:
		v = c.event(d, s)
	default:
		v = ended(packet.UnknownType)
	}
	return c.r.carryOut(&v, c.link)
}

// carryOut sends what v says and counts its reason.
func (r *Relay) carryOut(v *verdict, from Link) packet.Reason {
	if v.to != nil {
		if sent := v.to.SendFor(v.owner, v.class, v.forward); v.reason == packet.OK {
			v.reason = sent
		}
	}
	if v.back != nil {
		_ = from.Send(link.Urgent, v.back) // an answer lost to a full queue is an answer lost on a wire
	}
	if v.denied != nil {
		_ = from.SendControl(&proto.Control{Denial: v.denied}) // the denial stays in the edge's own log
	}
	if v.out != nil {
		r.tellEnd(v.out, packet.Superseded)
	}
	if v.limited {
		r.counters.Count(packet.RateLimited)
	}
	r.counters.Count(v.reason)
	return v.reason
}

func kindOf(d []byte) proto.DatagramType {
	if len(d) == 0 {
		return 0
	}
	return proto.DatagramType(d[0])
}
