package edge

import (
	"cmp"
	"slices"
	"sync"

	"github.com/oneping/oneping/proto"
)

// presence is the set of connected nodes. The zero value is empty.
type presence struct {
	mu sync.Mutex
	m  map[proto.Identity]*nodeLink
}

// add makes n the link of its identity, in the place of an older one.
func (p *presence) add(n *nodeLink) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.m == nil {
		p.m = make(map[proto.Identity]*nodeLink)
	}
	p.m[n.id] = n
}

// remove takes n out, unless a newer link took its place.
func (p *presence) remove(n *nodeLink) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.m[n.id] == n {
		delete(p.m, n.id)
	}
}

// get returns the link of an identity, or nil.
func (p *presence) get(id proto.Identity) *nodeLink {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.m[id]
}

// all returns the connected nodes in the order of their identities.
func (p *presence) all() []*nodeLink {
	p.mu.Lock()
	out := make([]*nodeLink, 0, len(p.m))
	for _, n := range p.m {
		out = append(out, n)
	}
	p.mu.Unlock()
	slices.SortFunc(out, func(a, b *nodeLink) int { return cmp.Compare(a.id.String(), b.id.String()) })
	return out
}
