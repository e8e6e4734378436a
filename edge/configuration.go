package edge

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/oneping/oneping/proto"
)

// maxPage is how many prefixes one message carries: some 47 KB of IPv6, which a link of 1 Mbit/s
// takes in 0.4 s. What else the node is to be told waits no longer than that.
const maxPage = 1024

// configuration is what one link's node is to have and what it has. The newest one waits in a
// single slot: what is superseded there is never sent. It leaves when the control stream has taken
// all before it (link.SendLatest), so that a link that does not keep up costs nothing but the slot.
type configuration struct {
	diffs *differences

	mu      sync.Mutex
	greeted bool         // pages may follow
	newest  proto.Config // the slot: whole, with its number
	sent    proto.Config // what the node knows when it has read everything; Number 0: nothing yet
	under   shipment     // what is being sent
	deltas  bool         // the node says what it has: it takes changes
	applied proto.Applied
}

// shipment is a configuration on its way, a page at a time.
type shipment struct {
	open        bool // there is more to send
	whole       proto.Config
	base        uint64
	add, remove []netip.Prefix // what is left of it
}

// want puts c into the slot, unless it is there already. True: it is news.
func (n *configuration) want(c *proto.Config) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.newest.Number > 0 && sameConfig(c, &n.newest) {
		return false
	}
	number := n.newest.Number + 1
	n.newest = *c
	n.newest.Number = number
	return true
}

// first returns the part of the newest configuration that travels in the welcome.
func (n *configuration) first() proto.Config {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.begin()
	return n.page()
}

// welcomed lets the rest follow: the welcome is on its way.
func (n *configuration) welcomed() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.greeted = true
}

// next returns what the node is to be told next, or nil.
func (n *configuration) next() *proto.Control {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.greeted || !n.under.open && n.sent.Number == n.newest.Number {
		return nil
	}
	if !n.under.open {
		n.begin()
	}
	c := n.page()
	return &proto.Control{Config: &c}
}

// begin makes the newest configuration the one under way: as a change where the node takes changes
// and one is shorter.
func (n *configuration) begin() {
	n.under = shipment{whole: n.newest, add: n.newest.Capture, open: true}
	if n.deltas && n.sent.Number > 0 {
		add, remove := n.diffs.between(n.sent.Capture, n.newest.Capture)
		if len(add)+len(remove) <= len(n.newest.Capture) {
			n.under.base, n.under.add, n.under.remove = n.sent.Number, add, remove
		}
	}
}

// page takes one page off what is under way.
func (n *configuration) page() proto.Config {
	u := &n.under
	c := u.whole
	c.Base = u.base
	c.Remove, u.remove = cut(u.remove, maxPage)
	c.Capture, u.add = cut(u.add, maxPage-len(c.Remove))
	if c.More = len(u.remove)+len(u.add) > 0; !c.More {
		n.sent, n.under = u.whole, shipment{}
	}
	if n.newest.Number != c.Number {
		c.Newest = n.newest.Number
	}
	return c
}

// cut returns the first n of list at most, and the others.
func cut(list []netip.Prefix, n int) (head, rest []netip.Prefix) {
	n = min(n, len(list))
	return list[:n], list[n:]
}

// answered takes what the node says that it has. True: it asks for something.
func (n *configuration) answered(a *proto.Applied) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.deltas, n.applied = true, *a
	n.applied.Number = min(a.Number, n.newest.Number)
	if a.Whole {
		n.sent, n.under = proto.Config{}, shipment{}
	}
	return a.Whole
}

// state returns what the node is to be like, and how far it is.
func (n *configuration) state() (newest proto.Config, applied proto.Applied) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.newest, n.applied
}

// sameConfig says whether a node would notice no difference.
func sameConfig(a, b *proto.Config) bool {
	return slices.Equal(a.Addrs, b.Addrs) && (same(a.Capture, b.Capture) || slices.Equal(a.Capture, b.Capture)) &&
		a.User == b.User && a.Device == b.Device && a.Tunnel == b.Tunnel &&
		a.IdleSeconds == b.IdleSeconds
}

// same says that two lists are one in memory: what a snapshot leaves as it was is not compared
// element by element.
func same(a, b []netip.Prefix) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// differences computes how one sorted list becomes another. It keeps the last answer: many links go
// from the same list to the same list at about the same time. The zero value is ready for use.
type differences struct {
	mu          sync.Mutex
	from, to    []netip.Prefix
	add, remove []netip.Prefix
}

func (d *differences) between(from, to []netip.Prefix) (add, remove []netip.Prefix) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !same(from, d.from) || !same(to, d.to) {
		d.from, d.to = from, to
		d.add, d.remove = difference(from, to)
	}
	return d.add, d.remove
}

// difference walks two sorted lists side by side.
func difference(from, to []netip.Prefix) (add, remove []netip.Prefix) {
	for len(from) > 0 && len(to) > 0 {
		switch c := from[0].Compare(to[0]); {
		case c < 0:
			remove, from = append(remove, from[0]), from[1:]
		case c > 0:
			add, to = append(add, to[0]), to[1:]
		default:
			from, to = from[1:], to[1:]
		}
	}
	return append(add, to...), append(remove, from...)
}
