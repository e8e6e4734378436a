package connector

import (
	"net/netip"

	"github.com/oneping/oneping/connector/host"
	"github.com/oneping/oneping/connector/udp"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// dispatch sends what an edge passes on to its room and answers with the
// errors that the room or this host names.
type dispatch struct {
	host     *host.Host
	up       *uplink
	counters *packet.Counters
	icmp     *icmpRoom
	udp      *udp.Sessions
}

// datagram takes one datagram of a link. The reason has been counted already
// in the connector's own counters.
func (d *dispatch) datagram(_ *link.Link, b []byte) packet.Reason {
	r := d.route(b)
	d.counters.Count(r)
	return r
}

func (d *dispatch) route(b []byte) packet.Reason {
	if len(b) == 0 {
		return packet.Malformed
	}
	switch proto.DatagramType(b[0]) {
	case proto.TypePacket:
		return d.packet(b)
	case proto.TypeUDPRegistration:
		var r proto.UDPRegistration
		if proto.ParseUDPRegistration(b, &r) != nil {
			return packet.Malformed
		}
		return d.udp.Register(&r)
	case proto.TypeUDPPayload:
		var p proto.UDPPayload
		if proto.ParseUDPPayload(b, &p) != nil {
			return packet.Malformed
		}
		return d.udp.Payload(&p)
	case proto.TypeUDPEvent:
		return d.event(b)
	}
	return packet.UnknownType
}

// packet takes a whole IP packet: only echo requests enter from clients.
func (d *dispatch) packet(b []byte) packet.Reason {
	ip, err := proto.ParsePacket(b)
	if err != nil {
		return packet.Malformed
	}
	var p packet.Packet
	if r := packet.Parse(ip, &p); r != packet.OK {
		return r
	}
	if !p.IsEchoRequest() {
		return packet.Unsupported
	}
	w := d.host.Way(p.Dst)
	if (!packet.Expires(p.TTL) || w.Own()) && !p.TransportOK() {
		return packet.Malformed // routers do not look, but a socket would mend it
	}
	ttl, v := d.host.Forward(&w, p.Src, p.TTL)
	if v.Reason == packet.OK {
		v = d.echo(&p, ttl)
	}
	return d.answer(&p, &w, v)
}

// forward decides about a packet of client for dst that arrived with ttl: the TTL with which it goes on, or why not.
func (d *dispatch) forward(client, dst netip.Addr, ttl uint8) (uint8, packet.Verdict) {
	w := d.host.Way(dst)
	return d.host.Forward(&w, client, ttl)
}

// echo hands an echo request to the NAT. Without one the client is told that
// this host does not let it through.
func (d *dispatch) echo(p *packet.Packet, ttl uint8) packet.Verdict {
	nat := d.icmp.nat.Load()
	if nat == nil {
		return packet.Verdict{Reason: packet.ICMPOff, Answer: packet.AdminProhibited}
	}
	return nat.Send(p, ttl)
}

// answer sends the error that v names, if any, and returns the reason to count.
func (d *dispatch) answer(p *packet.Packet, w *host.Way, v packet.Verdict) packet.Reason {
	if v.Answer == packet.NoError {
		return v.Reason
	}
	from, ok := d.host.Report(w, p.Src, v.Reason)
	if !ok {
		return v.Reason
	}
	typ, code := v.Answer.TypeCode(p.V6)
	var buf [1 + 1280]byte // RFC 4443 §2.4 c: no error is longer
	out, ok := packet.AppendError(append(buf[:0], byte(proto.TypePacket)), packet.Error{Src: from, Type: typ, Code: code, MTU: v.MTU}, p)
	if !ok {
		return v.Reason
	}
	if r := d.sendUrgent(out); r != packet.OK {
		return r
	}
	return v.Reason
}

// event takes an event of the edge: it ends sessions that policy no longer allows.
func (d *dispatch) event(b []byte) packet.Reason {
	var e proto.UDPEvent
	if proto.ParseUDPEvent(b, &e) != nil {
		return packet.Malformed
	}
	switch e.Kind {
	case proto.EventClosed, proto.EventUnknown, proto.EventDenied:
		return d.udp.Closed(e.Session)
	}
	return packet.UnknownType
}

// report returns the address of an error about dst to client, whose packet ended for why; false where there is none.
func (d *dispatch) report(client, dst netip.Addr, why packet.Reason) (netip.Addr, bool) {
	w := d.host.Way(dst)
	return d.host.Report(&w, client, why)
}
