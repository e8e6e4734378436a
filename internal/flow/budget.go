package flow

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oneping/oneping/proto"
)

const (
	// DefaultBudget is what the flows of a process may hold where nothing else is said, in bytes.
	DefaultBudget = 256 << 20
	// stuckAfter is how long a flow that holds bytes must have stood still to count as stuck.
	stuckAfter = 5 * time.Second
	// relieveEvery is how often a budget is looked at.
	relieveEvery = time.Second
)

// BudgetSize returns what flows may hold of a process that may hold limit bytes, 0 = unknown: a
// quarter, at most 1 GiB.
func BudgetSize(limit uint64) int64 {
	if limit == 0 {
		return DefaultBudget
	}
	return int64(min(limit/4, 1<<30))
}

// Budget bounds the memory that the TCP flows of a process hold. Each flow has a Holding in it,
// which counts for the window that its sender was promised, or, where it has none, for its buffers.
// Windows grow while there is room: freely below half of the budget, up to an equal share for each
// owner below three quarters, and shrink above that. New flows start small. Above seven eighths the
// flows that have not moved for some seconds are ended, those of the largest owner first.
//
// It also lends the flows their buffers. Safe for concurrent use.
type Budget struct {
	max   int64
	pools *bufferPools
	total atomic.Int64

	mu       sync.Mutex
	owners   map[string]*owner
	holdings map[*Holding]struct{}
	ended    uint64
}

// owner is whose flows they are: what one may hold is measured by it.
type owner struct {
	bytes atomic.Int64
	flows int
}

// NewBudget returns a budget of max bytes; 0 = DefaultBudget.
func NewBudget(max int64) *Budget {
	if max <= 0 {
		max = DefaultBudget
	}
	return &Budget{
		max: max, pools: newBufferPools(),
		owners: make(map[string]*owner), holdings: make(map[*Holding]struct{}),
	}
}

// Open enters a flow of the owner of that name; end ends it, must not block and may be called more
// than once. Release must be called. A nil budget has nil holdings.
func (b *Budget) Open(name string, src, dst netip.AddrPort, end func(proto.Code)) *Holding {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.owners[name]
	if o == nil {
		o = new(owner)
		b.owners[name] = o
	}
	o.flows++
	h := &Holding{budget: b, owner: o, name: name, src: src, dst: dst, end: end}
	h.still.Begin(time.Now())
	b.holdings[h] = struct{}{}
	return h
}

// allows says whether o may hold n bytes more.
func (b *Budget) allows(o *owner, n int64) bool {
	total := b.total.Load() + n
	if total <= b.max/2 {
		return true
	}
	b.mu.Lock()
	share := b.max / int64(max(len(b.owners), 1))
	b.mu.Unlock()
	return total <= b.max/4*3 && o.bytes.Load()+n <= share
}

// Run ends stuck flows when memory is short, until ctx ends. It returns ctx's error.
func (b *Budget) Run(ctx context.Context) error {
	t := time.NewTicker(relieveEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case now := <-t.C:
			b.Relieve(now)
		}
	}
}

// Relieve ends stuck flows until seven eighths of the budget are enough, and returns how many.
func (b *Budget) Relieve(now time.Time) (ended int) {
	over := b.total.Load() - b.max/8*7
	if over <= 0 {
		return 0
	}
	stuck := b.stuck(now)
	for _, h := range stuck {
		if over <= 0 {
			break
		}
		over -= h.size()
		h.short.Store(true)
		h.end(proto.CodeMemoryShort)
		ended++
	}
	b.mu.Lock()
	b.ended += uint64(ended)
	b.mu.Unlock()
	return ended
}

// stuck returns the flows that hold bytes and have not moved for stuckAfter: those of the largest
// owner first, and of one owner the largest first.
func (b *Budget) stuck(now time.Time) []*Holding {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []*Holding
	for h := range b.holdings {
		if h.held.Load() > 0 && h.still.Ago(now) >= stuckAfter {
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(x, y *Holding) int {
		return cmp.Or(cmp.Compare(y.owner.bytes.Load(), x.owner.bytes.Load()),
			cmp.Compare(x.name, y.name), cmp.Compare(y.size(), x.size()))
	})
	return out
}
