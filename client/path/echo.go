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

// question is what the queries of one pinger to one destination have in common, and what all packets
// of a protocol that ends at the edge do.
type question struct {
	dst   netip.Addr
	ident uint16
	proto uint8 // 0 = a query of ICMP
}

// questionOf returns what p asks.
func questionOf(p *packet.Packet) question {
	if p.IsQuery() {
		return question{dst: p.Dst, ident: p.Ident}
	}
	return question{dst: p.Dst, proto: p.Proto}
}

func newAsked() *asked {
	return &asked{table: table.New[question, struct{}](table.Config[question, struct{}]{Max: maxAsked, Tentative: true})}
}

// note remembers a packet. A full table drops its oldest unanswered
// request; packet.TableFull if every one has been answered.
func (a *asked) note(p *packet.Packet, now time.Time) packet.Reason {
	q := questionOf(p)
	if _, known := a.table.Touch(now, q); known {
		return packet.OK
	}
	return a.table.Add(now, q, struct{}{}, struct{}{}, askedFor)
}

// has says whether that was asked in the last minute, give or take one sweep.
func (a *asked) has(q question) bool {
	_, ok := a.table.Get(q)
	return ok
}

// confirm is has for a reply: from now on the pair is kept for its whole minute.
func (a *asked) confirm(dst netip.Addr, ident uint16) bool {
	return a.table.Confirm(question{dst: dst, ident: ident})
}

// expire forgets what was asked too long ago.
func (a *asked) expire(now time.Time) { a.table.Expire(now) }

// whole turns a packet into a packet datagram: a query of ICMP, or what goes no further than the edge.
func (a *asked) whole(buf []byte, p *packet.Packet, now time.Time) outcome {
	if r := a.note(p, now); r != packet.OK {
		return outcome{reason: r}
	}
	return outcome{to: theEdge, class: link.Urgent, pkt: proto.AppendPacket(buf[:0], p.Raw)}
}

// deliverable says whether an IP packet from the edge may be handed to the host:
// the reply to a query of this device, or an ICMP error about one, or about what ended at the edge.
func (a *asked) deliverable(p *packet.Packet, st *linkState) packet.Reason {
	var q packet.Packet
	switch {
	case !st.own(p.Dst):
		return packet.Spoofed
	case p.IsQueryReply():
		if a.confirm(p.Src, p.Ident) {
			return packet.OK
		}
	case !p.IsICMPError():
		return packet.Unsupported
	case p.Quoted(&q) && st.own(q.Src) && a.has(questionOf(&q)):
		return packet.OK
	}
	return packet.Unsolicited
}
