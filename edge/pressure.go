package edge

import (
	"cmp"
	"context"
	"math"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/memory"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/proto"
)

const (
	// lookEvery is how often the memory is looked at: a fast attacker takes some 50 MB in that
	// time. While it is short it is looked at more often.
	lookEvery, lookSoon = 100 * time.Millisecond, 25 * time.Millisecond
	// collectEvery is how often garbage is collected to learn what really lives, while it might be
	// too much; at each look where a link may have to end.
	collectEvery = time.Second
	// Of the limit, in percent: above shortAt nothing grows and strangers wait, until it is below
	// enoughAt; above tooMuchAt links end.
	enoughAt, shortAt, tooMuchAt = 40, 45, 60
	// Above owedAt links end, too, while what lives is above enoughAt: what all links owe together
	// may take owedCost bytes for each on the wire (a map entry of quic-go behind a frame of one
	// byte, a packet's buffer behind one of 128). That needs no collection, which takes longest when
	// it is needed most.
	owedAt, owedCost = 25, 16
	// leastDebt is what a link must owe, in bytes, to be ended for it.
	leastDebt = 32 << 10
	// debtHalf is the time in which half of a debt is forgotten: duplicates and datagrams that were
	// dropped are no memory.
	debtHalf = 30 * time.Second
	// What QUIC needs itself: so much of each packet, and so much for a byte that was read.
	packetCost, byteCost = 64, 1.05
	// spareHeld is how much more than twice what lives may be held before it is given back, at most
	// a sixteenth of the limit, and returnEvery how often that is looked at.
	spareHeld, returnEvery = 64 << 20, 20 * time.Second
)

// holder is a link as the watchdog sees it.
type holder interface {
	Traffic() link.Traffic
	Remote() netip.AddrPort
	Close(proto.Code, string) error
}

// debt is what a link has sent and nobody has read, estimated: quic-go does not say. An honest link
// owes next to nothing, whatever its rate.
type debt struct {
	bytes float64
	last  link.Traffic
	seen  time.Time
}

// charge brings the estimate up to date.
func (d *debt) charge(t link.Traffic, since time.Duration) {
	keep := math.Exp2(-float64(since) / float64(debtHalf))
	d.bytes = max(0, d.bytes*keep+float64(t.Received-d.last.Received)-
		byteCost*float64(t.Consumed-d.last.Consumed)-packetCost*float64(t.Packets-d.last.Packets))
	d.last = t
}

// watchdog keeps the process below its memory limit: it says when memory is short, ends the links
// that hold most of what nobody has read, and gives back what a flood has left.
type watchdog struct {
	limit   uint64 // bytes; 0 = nobody says: nothing is ever short
	read    func() memory.Reading
	collect func() // garbage
	release func() // what is held and not used
	links   func() []holder
	log     *zap.Logger

	short atomic.Bool
	ended atomic.Uint64

	mu        sync.Mutex // guards what follows
	debts     map[holder]*debt
	looked    time.Time
	collected time.Time
	lived     uint64 // then
	returned  time.Time
}

// Run looks after the memory until ctx ends.
func (w *watchdog) Run(ctx context.Context) error {
	t := time.NewTimer(lookEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
		w.look(time.Now())
		if w.short.Load() {
			t.Reset(lookSoon)
		} else {
			t.Reset(lookEvery)
		}
	}
}

// look is one round.
func (w *watchdog) look(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.charge(now)
	if w.limit == 0 {
		return
	}
	if r := w.read(); r.Live > w.part(enoughAt) && w.owed() > w.part(owedAt) {
		w.endLargest(r)
	}
	r := w.reading(now)
	w.judge(r)
	if r.Live > w.part(tooMuchAt) {
		w.endLargest(r) // the next look sees what that has brought
	}
	if now.Sub(w.returned) >= returnEvery {
		w.returned = now
		w.giveBack(r)
	}
}

// giveBack gives back to the system what a flood has left. An edge that has become quiet makes
// little garbage and would not collect what it has for minutes.
func (w *watchdog) giveBack(r memory.Reading) {
	spare := min(spareHeld, w.limit/16)
	if r.Held <= 2*spare {
		return
	}
	w.collect()
	if r = w.read(); r.Held > 2*r.Live+spare {
		w.release()
	}
}

// part returns percent of the limit.
func (w *watchdog) part(percent uint64) uint64 { return w.limit / 100 * percent }

// reading returns what lives. Where that might be too much, garbage is collected first: what an
// honest flood of packets has left is nobody's fault. Between two collections the last word holds.
func (w *watchdog) reading(now time.Time) memory.Reading {
	r := w.read()
	switch {
	case r.Live <= w.part(enoughAt):
		return r
	case r.Live <= w.part(tooMuchAt) && now.Sub(w.collected) < collectEvery:
		r.Live = min(r.Live, w.lived)
		return r
	}
	w.collect()
	r = w.read()
	w.collected, w.lived = now, r.Live
	return r
}

// judge says whether memory is short now, and logs when that changes.
func (w *watchdog) judge(r memory.Reading) {
	fields := []zap.Field{zap.Uint64("live", r.Live), zap.Uint64("limit", w.limit)}
	switch short := w.short.Load(); {
	case !short && r.Live > w.part(shortAt):
		w.short.Store(true)
		w.log.Warn("memory is short: strangers wait and no link's window grows", fields...)
	case short && r.Live < w.part(enoughAt):
		w.short.Store(false)
		w.log.Info("memory suffices again", fields...)
	}
}

// charge brings the debts of all links up to date.
func (w *watchdog) charge(now time.Time) {
	since := now.Sub(w.looked)
	w.looked = now
	if w.debts == nil {
		w.debts = make(map[holder]*debt)
	}
	for _, l := range w.links() {
		d := w.debts[l]
		if d == nil {
			d = &debt{}
			w.debts[l] = d
		}
		d.charge(l.Traffic(), since)
		d.seen = now
	}
	for l, d := range w.debts {
		if d.seen != now {
			delete(w.debts, l)
		}
	}
}

// owed returns what all that is owed may take, in bytes.
func (w *watchdog) owed() uint64 {
	var sum float64
	for _, d := range w.debts {
		if d.bytes >= leastDebt {
			sum += d.bytes
		}
	}
	return uint64(sum * owedCost)
}

// endLargest ends the links that owe most: as many as owe half of all debts together. Many
// attackers are quick, and one at a time is slow; where one owes most of it, it is that one.
func (w *watchdog) endLargest(r memory.Reading) {
	var owing []holder
	var sum float64
	for l, d := range w.debts {
		if d.bytes >= leastDebt {
			owing = append(owing, l)
			sum += d.bytes
		}
	}
	slices.SortFunc(owing, func(a, b holder) int { return cmp.Compare(w.debts[b].bytes, w.debts[a].bytes) })
	for left := sum / 2; len(owing) > 0 && left > 0; owing = owing[1:] {
		left -= w.debts[owing[0]].bytes
		w.end(owing[0], r)
	}
}

// end ends a link for its debt.
func (w *watchdog) end(l holder, r memory.Reading) {
	w.ended.Add(1)
	w.log.Warn("link ended: it holds most of what nobody has read, and memory is short", zap.Stringer(obs.FieldRemote, l.Remote()),
		zap.Uint64("unread", uint64(w.debts[l].bytes)), zap.Uint64("live", r.Live), zap.Uint64("limit", w.limit))
	delete(w.debts, l)
	_ = l.Close(proto.CodeTooMany, "the edge is short of memory, and this link holds most of what was not read")
}

// MemoryStatus is what an edge says of its memory, in bytes.
type MemoryStatus struct {
	Limit uint64 `json:"limit,omitempty"` // 0 = nobody says
	Live  uint64 `json:"live"`            // objects and stacks, garbage included
	Held  uint64 `json:"held"`            // taken from the system
	Short bool   `json:"short,omitempty"` // strangers wait and no window grows
	Ended uint64 `json:"links_ended,omitempty"`
}

// status returns a snapshot.
func (w *watchdog) status() MemoryStatus {
	r := w.read()
	return MemoryStatus{Limit: w.limit, Live: r.Live, Held: r.Held, Short: w.short.Load(), Ended: w.ended.Load()}
}
