package connector

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// asker returns whose datagram an edge has passed on.
func (d *dispatch) asker(b []byte) link.Owner { return d.owner(b, false) }

// send sends an answer to the edge, in the queue of the device that it is for; b may be reused afterwards.
func (d *dispatch) send(c link.Class, b []byte) packet.Reason {
	return d.up.send(d.owner(b, true), c, b)
}

// sendUrgent is send for what is no payload.
func (d *dispatch) sendUrgent(b []byte) packet.Reason { return d.send(link.Urgent, b) }

// owner returns the device whose datagram b is, from it or for it. What nobody can be found for is the link's
// own: it ends soon.
func (d *dispatch) owner(b []byte, answer bool) link.Owner {
	if len(b) == 0 {
		return 0
	}
	switch proto.DatagramType(b[0]) {
	case proto.TypePacket:
		var p packet.Packet
		switch ip, err := proto.ParsePacket(b); {
		case err != nil || packet.Parse(ip, &p) != packet.OK:
			return 0
		case answer:
			return ownerOf(p.Dst)
		}
		return ownerOf(p.Src)
	case proto.TypeUDPRegistration:
		var r proto.UDPRegistration
		if proto.ParseUDPRegistration(b, &r) == nil {
			return ownerOf(r.Src.Addr())
		}
	case proto.TypeUDPPayload:
		var p proto.UDPPayload
		if proto.ParseUDPPayload(b, &p) == nil {
			return ownerOf(d.udp.Client(p.Session))
		}
	case proto.TypeUDPEvent:
		var e proto.UDPEvent
		if proto.ParseUDPEvent(b, &e) == nil {
			return ownerOf(d.udp.Client(e.Session))
		}
	}
	return 0
}

// ownerOf makes a number of a device's address, 0 of none.
func ownerOf(a netip.Addr) link.Owner {
	if !a.IsValid() {
		return 0
	}
	b := a.As16()
	return link.Owner(binary.BigEndian.Uint64(b[8:]) ^ bits.RotateLeft64(binary.BigEndian.Uint64(b[:8]), 32))
}
