package flow

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/oneping/oneping/internal/table"
	"github.com/oneping/oneping/proto"
)

// Holding is what one flow holds of a budget. A nil Holding counts nothing and bounds nothing.
type Holding struct {
	budget   *Budget
	owner    *owner
	name     string // of owner
	src, dst netip.AddrPort
	end      func(proto.Code)

	window atomic.Int64  // promised to the sender
	held   atomic.Int64  // buffers
	still  table.LastUse // since when nothing has moved
	once   sync.Once     // release
	short  atomic.Bool   // it was ended for want of memory
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
func (h *Holding) LastMoved() int64 { return h.still.UnixNano() }

// buffers returns where the flow's buffers come from: the budget's, which all flows share.
func (h *Holding) buffers() *bufferPools {
	if h == nil {
		return newBufferPools()
	}
	return h.budget.pools
}

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
		h.still.Touch()
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
