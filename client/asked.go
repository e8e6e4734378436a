package client

import (
	"net/netip"
	"time"

	"github.com/oneping/oneping/internal/table"
	"github.com/oneping/oneping/proto/packet"
)

const (
	// askedFor is how long a request may be answered (RFC 5508 REQ-2).
	askedFor = time.Minute
	// maxAsked bounds the (destination, identifier) pairs asked within that time: more than any connector maps.
	maxAsked = 1 << 15
)

// asked remembers whom this host has pinged, so that nobody behind the edge can
// answer, or report an error about, what was not asked. Safe for concurrent use.
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

// note remembers an echo request, in the place of the oldest that nobody has answered where there is no room;
// packet.TableFull where all have been.
func (a *asked) note(p *packet.Packet, now time.Time) packet.Reason {
	q := question{p.Dst, p.Ident}
	if _, known := a.table.Touch(now, q); known {
		return packet.OK
	}
	return a.table.Add(now, q, struct{}{}, struct{}{}, askedFor)
}

// has says whether dst was pinged with that identifier within the last minute, give or take one sweep.
func (a *asked) has(dst netip.Addr, ident uint16) bool {
	_, ok := a.table.Get(question{dst, ident})
	return ok
}

// answered is has for a reply: from now on the pair is kept for its minute.
func (a *asked) answered(dst netip.Addr, ident uint16) bool {
	return a.table.Confirm(question{dst, ident})
}

// expire forgets what was asked too long ago.
func (a *asked) expire(now time.Time) { a.table.Expire(now) }
