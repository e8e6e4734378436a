package client

import (
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// outbound is the way of a packet from the host: parse, size, reassemble,
// classify. It is used by one goroutine.
type outbound struct {
	frags   *reassembler
	udp     *sessions
	asked   *asked
	tcp     *heldSYNs // nil: TCP is not carried
	answers *answerer
	buf     []byte
}

func newOutbound(udp *sessions, asked *asked, tcp *heldSYNs) *outbound {
	return &outbound{
		frags:   newReassembler(maxFragmentBytes),
		udp:     udp,
		asked:   asked,
		tcp:     tcp,
		answers: newAnswerer(),
		buf:     make([]byte, 0, proto.MaxDatagram),
	}
}

// step decides what becomes of one packet as the host sent it.
func (o *outbound) step(raw []byte, now time.Time, v *view) verdict {
	var p packet.Packet
	r := packet.Parse(raw, &p)
	if r == packet.BadOption && v.up { // the edge would see it first, and does not see the headers of UDP and TCP
		return o.answers.answer(p.Fault, r, 0, &p, now, v)
	}
	if r != packet.OK {
		return verdict{reason: r}
	}
	if p.Class == packet.ClassTCP { // ends in the netstack: no size rule of the link applies
		return o.stepTCP(&p, now, v)
	}
	if !v.up {
		return o.answers.answer(packet.HostUnreachable, packet.LinkDown, 0, &p, now, v)
	}
	if mtu := v.innerMTU(p.V6); mtu > 0 && p.DF && len(p.Raw) > mtu && !packet.Expires(p.TTL) { // else in the edge, which looks first
		return o.answers.answer(packet.TooBig, packet.TooLarge, mtu, &p, now, v)
	}
	if p.Class != packet.ClassFragment {
		return o.classify(&p, now, v)
	}
	whole, r := o.frags.add(&p, now)
	if whole == nil {
		return verdict{reason: r}
	}
	if r = packet.Parse(whole, &p); r != packet.OK {
		return verdict{reason: r}
	}
	p.DF = false // its sender let it be fragmented
	if p.Class == packet.ClassTCP {
		return o.stepTCP(&p, now, v)
	}
	return o.classify(&p, now, v)
}

func (o *outbound) classify(p *packet.Packet, now time.Time, v *view) verdict {
	switch p.Class {
	case packet.ClassICMP:
		d := echo(o.buf, p, o.asked, now)
		if d.reason == packet.TableFull {
			return o.answers.answer(packet.HostUnreachable, packet.TableFull, 0, p, now, v)
		}
		return d
	case packet.ClassUDP:
		if !p.TransportOK() {
			return verdict{reason: packet.Malformed} // the connector's socket would mend it
		}
		d := o.udp.out(o.buf, p, now, v)
		if d.reason == packet.TableFull {
			return o.answers.answer(packet.HostUnreachable, packet.TableFull, 0, p, now, v)
		}
		return d
	}
	return verdict{reason: packet.Unsupported}
}

func (o *outbound) stepTCP(p *packet.Packet, now time.Time, v *view) verdict {
	if o.tcp == nil {
		return verdict{reason: packet.Unsupported}
	}
	r, local := o.tcp.out(p, now, v.up)
	if r == packet.LinkDown || r == packet.TableFull {
		return o.answers.answer(packet.HostUnreachable, r, 0, p, now, v)
	}
	if local {
		return verdict{local: p.Raw}
	}
	return verdict{reason: r}
}

// expire forgets what has waited too long for its answer or its fragments. back gets the Time
// Exceeded for each packet whose first fragment is there (RFC 792, RFC 8200
// §4.5), count the reason for each packet.
func (o *outbound) expire(now time.Time, v *view, back func([]byte), count func(packet.Reason)) {
	o.asked.expire(now)
	o.frags.expire(now, func(first []byte) {
		count(packet.FragmentTimeout)
		var p packet.Packet
		if first == nil || packet.Parse(first, &p) != packet.OK {
			return
		}
		switch a := o.answers.answer(packet.ReassemblyTimeout, packet.FragmentTimeout, 0, &p, now, v); {
		case a.back != nil:
			back(a.back)
		case a.limited:
			count(packet.RateLimited)
		}
	})
}
