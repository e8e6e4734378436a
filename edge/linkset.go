package edge

import (
	"slices"
	"sync"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
)

// maxWaiting bounds the links of one node that have not said hello: each may make the edge keep
// some 9 MB, and a node needs one. It is more than one because those that a bad path has eaten are
// noticed late.
const maxWaiting = 4

// linkSet is the set of all connections that were accepted, whatever they are. The zero value is empty.
type linkSet struct {
	mu      sync.Mutex
	m       map[*link.Link]proto.Identity // whose hello is awaited; the zero identity for all others
	waiting map[proto.Identity][]*link.Link
}

func (s *linkSet) add(l *link.Link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		s.m, s.waiting = make(map[*link.Link]proto.Identity), make(map[proto.Identity][]*link.Link)
	}
	s.m[l] = proto.Identity{}
}

// await notes that l is of id and that its hello is awaited. Where too many of that node are, it
// returns the oldest of them, which has to go; else nil.
func (s *linkSet) await(l *link.Link, id proto.Identity) (oldest *link.Link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[l] = id
	s.waiting[id] = append(s.waiting[id], l)
	if len(s.waiting[id]) > maxWaiting {
		oldest = s.waiting[id][0]
		s.settle(oldest)
	}
	return oldest
}

// welcome notes that l waits no longer.
func (s *linkSet) welcome(l *link.Link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(l)
}

func (s *linkSet) remove(l *link.Link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle(l)
	delete(s.m, l)
}

// settle takes l out of those that wait.
func (s *linkSet) settle(l *link.Link) {
	id, ok := s.m[l]
	if !ok || id == (proto.Identity{}) {
		return
	}
	s.m[l] = proto.Identity{}
	s.waiting[id] = slices.DeleteFunc(s.waiting[id], func(w *link.Link) bool { return w == l })
	if len(s.waiting[id]) == 0 {
		delete(s.waiting, id)
	}
}

// all returns the connections in no order.
func (s *linkSet) all() []*link.Link {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*link.Link, 0, len(s.m))
	for l := range s.m {
		out = append(out, l)
	}
	return out
}
