package path

import (
	"net/netip"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/table"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

const (
	// askedFor is how long a request may be answered (RFC 5508 REQ-2).
	askedFor = time.Minute
	// maxAsked bounds the (destination, identifier) pairs asked within that time: more than any
	// connector maps.
	maxAsked = 1 << 15
)

// asked remembers which addresses this host has pinged, so that nobody behind
// the edge can answer, or report an error about, a request that was never made.
// Safe for concurrent use.
type asked struct {
	table *table.Table[question, struct{}, struct{}]
}

// question is what the echo requests of one pinger to one destination have in common.
type question struct {
	dst   netip.Addr
	ident uint16
}

func newAsked() *asked {
	return &asked{table: table.New[question, struct{}](table.Config[question, struct{}]{Max: maxAsked, Tentative: true})}
}

// note remembers an echo request. A full table drops its oldest unanswered
// request; packet.TableFull if every one has been answered.
func (a *asked) note(p *packet.Packet, now time.Time) packet.Reason {
	q := question{p.Dst, p.Ident}
	if _, known := a.table.Touch(now, q); known {
		return packet.OK
	}
	return a.table.Add(now, q, struct{}{}, struct{}{}, askedFor)
}

// has says whether dst was pinged with that identifier in the last minute, give
// or take one sweep.
func (a *asked) has(dst netip.Addr, ident uint16) bool {
	_, ok := a.table.Get(question{dst, ident})
	return ok
}

// confirm is has for a reply: from now on the pair is kept for its whole minute.
func (a *asked) confirm(dst netip.Addr, ident uint16) bool {
	return a.table.Confirm(question{dst, ident})
}

// expire forgets what was asked too long ago.
func (a *asked) expire(now time.Time) { a.table.Expire(now) }

// echo turns an echo request into a packet datagram. Nothing else of ICMP enters from a client.
func (a *asked) echo(buf []byte, p *packet.Packet, now time.Time) outcome {
	if !p.IsEchoRequest() {
		return outcome{reason: packet.Unsupported}
	}
	if r := a.note(p, now); r != packet.OK {
		return outcome{reason: r}
	}
	return outcome{to: theEdge, class: link.Urgent, pkt: proto.AppendPacket(buf[:0], p.Raw)}
}

// deliverable says whether an IP packet from the edge may be handed to the host:
// the reply to an echo request of this device, or an ICMP error about one.
func (a *asked) deliverable(p *packet.Packet, st *linkState) packet.Reason {
	var q packet.Packet
	switch {
	case !st.own(p.Dst):
		return packet.Spoofed
	case p.IsEchoReply():
		if a.confirm(p.Src, p.Ident) {
			return packet.OK
		}
	case !p.IsICMPError():
		return packet.Unsupported
	case p.Quoted(&q) && q.IsEchoRequest() && st.own(q.Src) && a.has(q.Dst, q.Ident):
		return packet.OK
	}
	return packet.Unsolicited
}
