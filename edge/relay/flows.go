package relay

import (
	"sync"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
)

// liveFlow is a flow that has been let in.
type liveFlow struct {
	tuple
	mu     sync.Mutex
	a, b   *link.Stream // device's, connector's; nil before bind
	denied bool
}

// bind tells f its streams. False: it was denied in the meantime, and both have been reset.
func (f *liveFlow) bind(a, b *link.Stream) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.a, f.b = a, b
	if f.denied {
		f.reset()
	}
	return !f.denied
}

// deny ends f because policy or route no longer allow it.
func (f *liveFlow) deny() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.denied = true
	f.reset()
}

func (f *liveFlow) reset() {
	if f.a != nil {
		f.a.Reset(proto.CodeDenied)
		f.b.Reset(proto.CodeDenied)
	}
}

// flows is the set of live flows.
type flows struct {
	mu       sync.Mutex
	m        map[*liveFlow]struct{}
	max      int
	maxOwner int32
}

func newFlows(limit, perDevice int) *flows {
	return &flows{m: make(map[*liveFlow]struct{}), max: limit, maxOwner: int32(perDevice)}
}

func (t *flows) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.m)
}

// open adds a flow. False: a bound is reached.
func (t *flows) open(tu *tuple) (*liveFlow, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.m) >= t.max || tu.dev.flows.Load() >= t.maxOwner {
		return nil, false
	}
	f := &liveFlow{tuple: *tu}
	f.dev.flows.Add(1)
	t.m[f] = struct{}{}
	return f, true
}

// end removes f.
func (t *flows) end(f *liveFlow) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.m, f)
	f.dev.flows.Add(-1)
}

// all returns the live flows.
func (t *flows) all() []*liveFlow {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]*liveFlow, 0, len(t.m))
	for f := range t.m {
		out = append(out, f)
	}
	return out
}
