package edge

import (
	"cmp"
	"slices"
	"sync"

	"github.com/oneping/oneping/proto"
)

// nodes is the set of connected nodes. The zero value is empty.
type nodes struct {
	mu sync.Mutex
	m  map[proto.Identity]*nodeLink
}

// add makes n the link of its identity, in the place of an older one.
func (s *nodes) add(n *nodeLink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m = make(map[proto.Identity]*nodeLink)
	}
	s.m[n.id] = n
}

// remove takes n out, unless a newer link took its place.
func (s *nodes) remove(n *nodeLink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m[n.id] == n {
		delete(s.m, n.id)
	}
}

// get returns the link of an identity, or nil.
func (s *nodes) get(id proto.Identity) *nodeLink {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[id]
}

// all returns the connected nodes in the order of their identities.
func (s *nodes) all() []*nodeLink {
	s.mu.Lock()
	out := make([]*nodeLink, 0, len(s.m))
	for _, n := range s.m {
		out = append(out, n)
	}
	s.mu.Unlock()
	slices.SortFunc(out, func(a, b *nodeLink) int { return cmp.Compare(a.id.String(), b.id.String()) })
	return out
}
