package client

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// ICMP errors that the client makes itself are limited as a router limits its own (RFC 1812 §4.3.2.8). The burst
// is large enough for several traceroutes with 16 probes in flight and for `mtr -i 0.1`.
const (
	errorRate  = 200
	errorBurst = 200
)

// answerer makes the client's own ICMP errors. It is not safe for concurrent use.
type answerer struct {
	limit *rate.Limiter
	buf   []byte
}

func newAnswerer() *answerer {
	return &answerer{limit: rate.NewLimiter(errorRate, errorBurst), buf: make([]byte, 0, 2048)}
}

// answer returns the verdict why with the ICMP error kind about p. Where no
// error may be made, or no address is known to make it from, it is the bare reason.
// Where there have been too many it says so beside the reason.
func (a *answerer) answer(kind packet.ErrorKind, why packet.Reason, mtu int, p *packet.Packet, now time.Time, v *view) verdict {
	src := v.hop(p.V6)
	if why == packet.LinkDown || why == packet.TableFull { // the edge has no part in it
		src = v.self(p.V6)
	}
	if !src.IsValid() {
		return verdict{reason: why}
	}
	typ, code := kind.TypeCode(p.V6)
	back, ok := packet.AppendError(a.buf[:0], packet.Error{Src: src, Type: typ, Code: code, MTU: uint32(mtu), Pointer: p.Pointer}, p)
	if !ok {
		return verdict{reason: why}
	}
	a.buf = back
	if !a.limit.AllowN(now, 1) { // only now: what gets no answer takes none from the limit
		return verdict{reason: why, limited: true}
	}
	return verdict{reason: why, back: back}
}

// echo turns an echo request into a packet datagram. Nothing else of ICMP enters from a client.
func echo(buf []byte, p *packet.Packet, asked *asked, now time.Time) verdict {
	if !p.IsEchoRequest() {
		return verdict{reason: packet.Unsupported}
	}
	if r := asked.note(p, now); r != packet.OK {
		return verdict{reason: r}
	}
	return verdict{class: link.Urgent, send: proto.AppendPacket(buf[:0], p.Raw)}
}

// deliverable says whether an IP packet from the edge may be handed to the host:
// the reply to an echo request of this device, or an ICMP error about one.
func deliverable(p *packet.Packet, v *view, asked *asked) packet.Reason {
	var q packet.Packet
	switch {
	case !v.own(p.Dst):
		return packet.Spoofed
	case p.IsEchoReply():
		if asked.answered(p.Src, p.Ident) {
			return packet.OK
		}
	case !p.IsICMPError():
		return packet.Unsupported
	case p.Quoted(&q) && q.IsEchoRequest() && v.own(q.Src) && asked.has(q.Dst, q.Ident):
		return packet.OK
	}
	return packet.Unsolicited
}
