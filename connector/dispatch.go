package connector

import (
	"context"
	"net/netip"
	"time"

	"github.com/oneping/oneping/connector/host"
	"github.com/oneping/oneping/connector/tcp"
	"github.com/oneping/oneping/connector/udp"
	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// dispatch takes what an edge passes on. Each packet, payload and flow goes the same way:
//
//  1. parse it, and look up the way to its destination, once (Host.Way);
//  2. ask the host whether it may go on, and with which TTL (Host.Forward);
//  3. give it to its room, which sends it: icmp, udp or tcp;
//  4. where 2 or 3 says no with an answer, answer it in the name of this host (Host.Refuse), as
//     a packet, as the event of a session, as the answer of a flow.
type dispatch struct {
	host     *host.Host
	up       *wayBack
	counters *packet.Counters
	icmp     *icmpNAT
	udp      *udp.Sessions
	tcp      *tcp.Dialer
	unkept   unkept
}

// datagram takes one datagram of a link. The reason has been counted already
// in the connector's own counters.
func (d *dispatch) datagram(_ *link.Link, b []byte) packet.Reason {
	r := d.demux(b)
	d.counters.Count(r)
	return r
}

// demux finds out what a datagram is.
func (d *dispatch) demux(b []byte) packet.Reason {
	if len(b) == 0 {
		return packet.Malformed
	}
	switch proto.DatagramType(b[0]) {
	case proto.TypePacket:
		return d.packet(b)
	case proto.TypeUDPRegistration:
		return d.registration(b)
	case proto.TypeUDPPayload:
		return d.payload(b)
	case proto.TypeUDPEvent:
		return d.event(b)
	}
	return packet.UnknownType
}

// packet takes a whole IP packet: only queries of ICMP go on from here.
func (d *dispatch) packet(b []byte) packet.Reason {
	ip, err := proto.ParsePacket(b)
	if err != nil {
		return packet.Malformed
	}
	var p packet.Packet
	if r := packet.Parse(ip, &p); r != packet.OK {
		return r
	}
	if !p.IsQuery() && p.Class != packet.ClassOther {
		return packet.Unsupported
	}
	w := d.host.Way(p.Dst)
	if p.IsQuery() && (!packet.Expires(p.TTL) || w.Own()) && !p.TransportOK() {
		return packet.Malformed // routers do not look, but a socket would mend it
	}
	ttl, v := d.host.Forward(&w, p.Src, p.TTL)
	if v.Reason == packet.OK {
		if v = d.query(&p, ttl); v.Reason == packet.Unsupported && w.Own() && d.ownQuery(&p) {
			return packet.OK
		}
	}
	refusal := d.host.Refuse(&w, p.Src, p.TTL, v)
	refusal.Error.Pointer = p.Pointer
	return d.answer(&p, &refusal)
}

// query hands a query to the NAT. Without one, or where that has no socket for such queries, the client
// is told that this host does not let it through; what is no query, that nobody here speaks its protocol.
func (d *dispatch) query(p *packet.Packet, ttl uint8) packet.Verdict {
	if !p.IsQuery() {
		return packet.Verdict{Reason: packet.Unsupported, Answer: p.Fault}
	}
	nat := d.icmp.nat.Load()
	switch ordinary := p.IsEchoRequest() && p.Code == 0; {
	case !ordinary && (nat == nil || !nat.Raw()):
		return packet.Verdict{Reason: packet.Unsupported, Answer: packet.AdminProhibited}
	case nat == nil:
		return packet.Verdict{Reason: packet.ICMPOff, Answer: packet.AdminProhibited}
	}
	return nat.Send(p, ttl)
}

// ownQuery answers a query for this host itself that no socket takes: that needs none.
func (d *dispatch) ownQuery(p *packet.Packet) bool {
	out, ok := packet.AppendQueryReply([]byte{byte(proto.TypePacket)}, p, time.Now)
	return ok && d.up.Deliver(p.Src, link.Urgent, out) == packet.OK
}

// answer sends the error that r is about p, if any, and returns the reason to count.
func (d *dispatch) answer(p *packet.Packet, r *hop.Refusal) packet.Reason {
	if r.Silent() {
		return r.Reason
	}
	var buf [proto.PacketOverhead + packet.MaxError]byte
	out, ok := r.AppendPacket(append(buf[:0], byte(proto.TypePacket)), p)
	if !ok {
		return r.Reason
	}
	if why := d.up.Deliver(p.Src, link.Urgent, out); why != packet.OK {
		return why
	}
	return r.Reason
}

// registration takes the first payload of a UDP session, or any until the client knows that the
// session is open.
func (d *dispatch) registration(b []byte) packet.Reason {
	var r proto.UDPRegistration
	if proto.ParseUDPRegistration(b, &r) != nil {
		return packet.Malformed
	}
	client := r.Src.Addr()
	w := d.host.Way(r.Dst.Addr())
	ttl, v := d.host.Forward(&w, client, r.TTL)
	if v.Reason == packet.OK {
		if _, open := d.udp.Session(r.Session); !open {
			d.unkept.note(r.Src, r.Dst, true)
		}
		v = d.udp.Register(&r, ttl)
	}
	refusal := d.host.Refuse(&w, client, r.TTL, v)
	return d.udp.Refused(client, r.Session, r.Tag, &refusal)
}

// payload takes a payload of a UDP session.
func (d *dispatch) payload(b []byte) packet.Reason {
	var p proto.UDPPayload
	if proto.ParseUDPPayload(b, &p) != nil {
		return packet.Malformed
	}
	s, ok := d.udp.Session(p.Session)
	if !ok {
		return d.udp.Unknown(p.Session, p.Tag)
	}
	w := d.host.Way(s.Dst().Addr())
	ttl, v := d.host.Forward(&w, s.Client(), p.TTL)
	if v.Reason == packet.OK {
		v = d.udp.Send(s, ttl, &p)
	}
	refusal := d.host.Refuse(&w, s.Client(), p.TTL, v)
	return d.udp.Refused(s.Client(), p.Session, p.Tag, &refusal)
}

// flow takes a TCP flow and returns when it has ended. It owns s.
func (d *dispatch) flow(ctx context.Context, s *link.Stream, h *proto.FlowHeader) packet.Reason {
	client := h.Src.Addr()
	w := d.host.Way(h.Dst.Addr())
	ttl, v := d.host.Forward(&w, client, h.TTL)
	if v.Reason == packet.OK {
		d.unkept.note(h.Src, h.Dst, false)
		if v = d.tcp.Serve(ctx, s, h, ttl); v.Answer == packet.NoError {
			return v.Reason // it has been answered
		}
	}
	refusal := d.host.Refuse(&w, client, h.TTL, v)
	flow.Refuse(s, refusal.Answer())
	return refusal.Reason
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

// owner says whose datagram b is, which an edge has passed on: those of many wait side by side.
// What nobody can be found for is the link's own: it ends soon.
func (d *dispatch) owner(b []byte) link.Owner {
	src, id := proto.Peek(b)
	if id != 0 {
		src = d.udp.Client(id)
	}
	return ownerOf(src)
}

// end ends all that is open for clients whose devices were revoked or deleted: their sessions,
// mappings and flows would live on here while an origin speaks to them.
func (d *dispatch) end(clients []netip.Addr) {
	nat := d.icmp.nat.Load()
	for _, client := range clients {
		d.host.EndClient(client)
		d.udp.EndClient(client)
		d.tcp.EndClient(client)
		if nat != nil {
			nat.EndClient(client)
		}
	}
}
