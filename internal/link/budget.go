package link

import (
	"cmp"
	"context"
	"fmt"
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
	// maxReported is how many stuck flows a report names.
	maxReported = 5
)

// FlowMemory returns what flows may hold of a process that may hold limit bytes, 0 = unknown: a quarter, at most 1 GiB.
func FlowMemory(limit uint64) int64 {
	if limit == 0 {
		return DefaultBudget
	}
	return int64(min(limit/4, 1<<30))
}

// Budget bounds the memory that the TCP flows of a process hold. Each flow has a Holding in it, which counts for the
// window that its sender was promised, or, where it has none, for its buffers. Windows grow while there is room: freely
// below half of the budget, up to an equal share for each owner below three quarters, and shrink above that. New flows start
// small. Above seven eighths the flows that have not moved for some seconds are ended, those of the largest owner
// first. Safe for concurrent use.
type Budget struct {
	max   int64
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
	return &Budget{max: max, owners: make(map[string]*owner), holdings: make(map[*Holding]struct{})}
}

// Holding is what one flow holds of a budget. A nil Holding counts nothing and bounds nothing.
type Holding struct {
	budget   *Budget
	owner    *owner
	name     string // of owner
	src, dst netip.AddrPort
	end      func(proto.Code)

	window atomic.Int64 // promised to the sender
	held   atomic.Int64 // buffers
	still  atomic.Int64 // since when nothing has moved, Unix nanoseconds
	once   sync.Once    // release
	short  atomic.Bool  // it was ended for want of memory
}

// Open enters a flow of owner; end ends it, must not block and may be called more than once. Release must be called.
// A nil budget has nil holdings.
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
	h.moved()
	b.holdings[h] = struct{}{}
	return h
}

// Release takes the flow out of the budget. Later calls do nothing.
func (h *Holding) Release() {
	if h == nil {
		return
	}
	h.once.Do(func() {
		h.account(-h.size())
		b := h.budget
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.holdings, h)
		if h.owner.flows--; h.owner.flows == 0 {
			delete(b.owners, h.name)
		}
	})
}

// Short says whether the flow was ended because others needed its memory.
func (h *Holding) Short() bool { return h != nil && h.short.Load() }

// LastMoved returns when bytes went on last, or the flow was entered, in Unix nanoseconds.
func (h *Holding) LastMoved() int64 { return h.still.Load() }

// size is what the flow counts for: what it may come to hold, or holds.
func (h *Holding) size() int64 {
	if w := h.window.Load(); w > 0 {
		return w
	}
	return h.held.Load()
}

func (h *Holding) account(n int64) {
	h.owner.bytes.Add(n)
	h.budget.total.Add(n)
}

// hold counts n more bytes of buffers; n may be negative.
func (h *Holding) hold(n int) {
	if h == nil {
		return
	}
	h.held.Add(int64(n))
	if h.window.Load() == 0 {
		h.account(int64(n))
	}
}

// moved notes that bytes went on.
func (h *Holding) moved() {
	if h != nil {
		h.still.Store(time.Now().UnixNano())
	}
}

// promise counts a window that has become n bytes larger, or smaller, whatever the budget says.
func (h *Holding) promise(n int) {
	if h != nil {
		h.window.Add(int64(n))
		h.account(int64(n))
	}
}

// grow promises n more bytes if the budget has them for this owner.
func (h *Holding) grow(n int) bool {
	if h != nil && !h.budget.allows(h.owner, int64(n)) {
		return false
	}
	h.promise(n)
	return true
}

// tight says that the flow should make do with less.
func (h *Holding) tight() bool { return h != nil && !h.budget.allows(h.owner, 0) }

// overdrawn says that the budget is used up: a flow that needs more has to end.
func (h *Holding) overdrawn() bool {
	if h == nil || h.budget.total.Load() <= h.budget.max {
		return false
	}
	h.short.Store(true)
	return true
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

// stuck returns the flows that hold bytes and have not moved for stuckAfter: those of the largest owner first, and of one
// owner the largest first.
func (b *Budget) stuck(now time.Time) []*Holding {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []*Holding
	for h := range b.holdings {
		if h.held.Load() > 0 && now.UnixNano()-h.still.Load() >= int64(stuckAfter) {
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(x, y *Holding) int {
		return cmp.Or(cmp.Compare(y.owner.bytes.Load(), x.owner.bytes.Load()), cmp.Compare(x.name, y.name), cmp.Compare(y.size(), x.size()))
	})
	return out
}

// BudgetReport is what the flows of a process hold, for status.
type BudgetReport struct {
	Max   int64 `json:"max_bytes"`
	Bytes int64 `json:"bytes"` // promised and held
	// Stuck is how many flows hold bytes whose reader has stood still for five seconds and more, StuckBytes what these hold.
	Stuck      int         `json:"stuck_flows"`
	StuckBytes int64       `json:"stuck_bytes"`
	Largest    []StuckFlow `json:"largest_stuck,omitempty"` // at most five
	Ended      uint64      `json:"ended_for_memory"`        // flows ended because others needed their memory
}

// String says in one line how many flows stand still and which holds most; "" when none does.
func (r *BudgetReport) String() string {
	if r.Stuck == 0 && r.Ended == 0 {
		return ""
	}
	s := fmt.Sprintf("%d of the TCP flows stand still and hold %d KiB", r.Stuck, r.StuckBytes>>10)
	if len(r.Largest) > 0 {
		f := &r.Largest[0]
		s += fmt.Sprintf("; most: %s → %s, %d KiB since %s", f.Src, f.Dst, f.Bytes>>10, f.Since.Local().Format(time.TimeOnly))
	}
	if r.Ended > 0 {
		s += fmt.Sprintf("; %d ended because memory was short", r.Ended)
	}
	return s
}

// StuckFlow is a flow whose reader stands still.
type StuckFlow struct {
	Owner string         `json:"owner"`
	Src   netip.AddrPort `json:"src"`
	Dst   netip.AddrPort `json:"dst"`
	Bytes int64          `json:"bytes"`
	Since time.Time      `json:"since"` // it moved last
}

// Report returns a snapshot.
func (b *Budget) Report(now time.Time) BudgetReport {
	stuck := b.stuck(now)
	b.mu.Lock()
	r := BudgetReport{Max: b.max, Bytes: b.total.Load(), Stuck: len(stuck), Ended: b.ended}
	b.mu.Unlock()
	for _, h := range stuck {
		r.StuckBytes += h.held.Load()
	}
	slices.SortFunc(stuck, func(x, y *Holding) int { return cmp.Compare(y.size(), x.size()) })
	for _, h := range stuck[:min(len(stuck), maxReported)] {
		r.Largest = append(r.Largest, StuckFlow{Owner: h.name, Src: h.src, Dst: h.dst, Bytes: h.size(), Since: time.Unix(0, h.still.Load())})
	}
	return r
}
