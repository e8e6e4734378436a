package client

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"github.com/oneping/oneping/proto"
)

// configLink is what a configuration needs of the *link.Link that it came by.
type configLink interface {
	SendLatest(next func() *proto.Control)
	Remote() netip.AddrPort
}

// configuration is what the edge wants captured, as it comes in pages, and what of it the host
// has. Only the newest one is applied, however many come while the host is being changed.
type configuration struct {
	wake chan struct{} // 1: one waits to be applied

	// mu guards what follows.
	mu     sync.Mutex
	link   configLink // whose numbers these are
	fresh  bool       // nothing of this link has been applied
	set    map[netip.Prefix]struct{}
	have   uint64 // the number of set, when it is complete; 0: of an edge that does not number, or none
	coming bool   // some pages of a later one have changed set: it is neither
	later  uint64 // the number of that one
	lost   bool   // the whole one was asked for, and has not begun

	newest uint64 // that the edge has named
	now    proto.Applied
	told   bool // the edge knows now
}

func newConfiguration() configuration {
	return configuration{wake: make(chan struct{}, 1), told: true}
}

// begin forgets the numbers of the link before.
func (n *configuration) begin(l configLink) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.link, n.set, n.have, n.coming, n.lost = l, nil, 0, false, false
	n.fresh, n.newest, n.now, n.told = true, 0, proto.Applied{}, true
}

// page takes one page in. A change of a configuration that this device does not have makes it ask
// for the whole one.
func (n *configuration) page(c *proto.Config) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.newest = max(n.newest, c.Number, c.Newest)
	switch {
	case n.coming && c.Number == n.later: // the next page
	case c.Base == 0:
		n.set, n.lost = make(map[netip.Prefix]struct{}, len(c.Capture)), false
	case n.coming || c.Base != n.have:
		n.ask()
		return nil
	}
	for _, p := range c.Remove {
		delete(n.set, p)
	}
	for _, p := range c.Capture {
		n.set[p] = struct{}{}
	}
	if len(n.set) > proto.MaxCapture {
		return fmt.Errorf("take configuration %d: more than %d prefixes", c.Number, proto.MaxCapture)
	}
	if n.coming, n.later = c.More, c.Number; !n.coming {
		n.have = c.Number
		n.rouse()
	}
	return nil
}

// ask asks for the whole configuration, once.
func (n *configuration) ask() {
	n.coming = false
	if n.lost {
		return
	}
	n.lost, n.have, n.told = true, 0, false
	n.link.SendLatest(n.answer)
}

func (n *configuration) rouse() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// waiting is a configuration that is to be applied.
type waiting struct {
	link    configLink
	number  uint64
	first   bool           // of its link
	capture []netip.Prefix // sorted
}

// take returns the newest complete configuration; false: its last page will wake runApply again.
func (n *configuration) take() (waiting, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.link == nil || n.coming || n.lost {
		return waiting{}, false
	}
	w := waiting{link: n.link, number: n.have, first: n.fresh, capture: slices.SortedFunc(maps.Keys(n.set), netip.Prefix.Compare)}
	n.fresh = false
	return w, true
}

// applied notes what became of w, and lets the edge know.
func (n *configuration) applied(w *waiting, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.link != w.link || w.number == 0 {
		return
	}
	n.now = proto.Applied{Number: w.number}
	if err != nil {
		n.now.Error = err.Error()
	}
	n.told = false
	n.link.SendLatest(n.answer)
}

// again notes what became of the configuration that was applied last, where it has been applied
// once more.
func (n *configuration) again(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	text := ""
	if err != nil {
		text = err.Error()
	}
	if n.link == nil || n.now.Number == 0 || n.now.Error == text {
		return
	}
	n.now.Error, n.told = text, false
	n.link.SendLatest(n.answer)
}

// answer returns what the edge does not know yet, or nil.
func (n *configuration) answer() *proto.Control {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.told {
		return nil
	}
	n.told = true
	a := n.now
	a.Whole = n.lost
	return &proto.Control{Applied: &a}
}

// progress says how far the host is.
func (n *configuration) progress() *proto.Progress {
	n.mu.Lock()
	defer n.mu.Unlock()
	return &proto.Progress{Applied: n.now.Number, Newest: n.newest, Error: n.now.Error}
}
