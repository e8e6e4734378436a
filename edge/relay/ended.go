package relay

import (
	"net/netip"
	"slices"
	"time"

	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/proto"
)

const (
	// maxEnded bounds the addresses that are remembered as ended. Beyond it the oldest are forgotten: what a
	// connector that was not there has open for them ends by idleness.
	maxEnded = 1 << 16
	// settleAfter is how long after the end of a device connectors are told once more: a
	// registration of it that was under way may have overtaken the first message.
	settleAfter = 5 * time.Second
)

// endings is what the relay remembers of devices that have ended, for connectors that do not know
// it yet: one list for all, in which each link has a position. Guarded by Relay.mu.
type endings struct {
	list  []ending // in the order of time
	first uint64   // position of list[0] among all there have ever been
}

type ending struct {
	addr netip.Addr
	at   time.Time
}

// add notes addresses that have ended now.
func (e *endings) add(addrs []netip.Addr, now time.Time) {
	for _, a := range addrs {
		e.list = append(e.list, ending{a, now})
	}
	e.drop(len(e.list) - maxEnded)
}

// forget drops what ended before then.
func (e *endings) forget(then time.Time) { e.drop(int(e.before(then) - e.first)) }

// drop forgets the n oldest.
func (e *endings) drop(n int) {
	if n > 0 {
		e.list = slices.Clone(e.list[n:]) // what is forgotten is not held
		e.first += uint64(n)
	}
}

// from returns what stands at a position, which is not before first, and behind it.
func (e *endings) from(position uint64) []ending { return e.list[position-e.first:] }

// before returns the position of the first that ended then or later.
func (e *endings) before(then time.Time) uint64 {
	n, _ := slices.BinarySearchFunc(e.list, then, func(x ending, t time.Time) int { return x.at.Compare(t) })
	return e.first + uint64(n)
}

// endedBetween returns the addresses of devices in old that next does not know.
func endedBetween(old, next *compiled) (addrs []netip.Addr) {
	for a := range old.byAddr {
		if next.byAddr[a] == nil {
			addrs = append(addrs, a)
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return addrs
}

// tellNew tells every connector of the endings that it has not been told of.
func (r *Relay) tellNew() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, con := range r.connectors {
		if c := con.attachment.Load(); c != nil {
			c.told = r.tell(c, c.told)
		}
	}
}

// sweepEndings tells every connector what it could not take before, and what is not settled once
// more. It forgets what ended so long ago that nothing of it can live.
func (r *Relay) sweepEndings(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endings.forget(now.Add(-hop.SessionIdle(0, r.idle) - graceIdle))
	settled := r.endings.before(now.Add(-settleAfter))
	for _, con := range r.connectors {
		if c := con.attachment.Load(); c != nil {
			reached := r.tell(c, c.settled)
			c.told, c.settled = max(c.told, reached), min(reached, settled)
		}
	}
}

// tell tells c what stands at a position and behind it, as far as its link takes it, and returns
// the position that it has reached. r.mu is held.
func (r *Relay) tell(c *ConnectorAttachment, position uint64) uint64 {
	live := r.state.Load().byAddr
	position = max(position, r.endings.first)
	for rest := r.endings.from(position); len(rest) > 0; rest = r.endings.from(position) {
		page := rest[:min(len(rest), proto.MaxEnded)]
		m := proto.Ended{Addrs: make([]netip.Addr, 0, len(page))}
		for _, e := range page {
			if live[e.addr] == nil { // not given to another device meanwhile
				m.Addrs = append(m.Addrs, e.addr)
			}
		}
		if len(m.Addrs) > 0 && c.link.SendControl(&proto.Control{Ended: &m}) != nil {
			return position // the queue is full: the next sweep; or the link has ended: the next link
		}
		position += uint64(len(page))
	}
	return position
}
