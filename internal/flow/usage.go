package flow

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/oneping/oneping/internal/term"
)

// maxNamed is how many stuck flows a Usage names.
const maxNamed = 5

// Usage is what the flows of a process hold, for status.
type Usage struct {
	Max   int64 `json:"max_bytes"`
	Bytes int64 `json:"bytes"` // promised and held
	// Stuck is how many flows hold bytes whose reader has stood still for five seconds and more,
	// StuckBytes what these hold.
	Stuck      int     `json:"stuck_flows"`
	StuckBytes int64   `json:"stuck_bytes"`
	Largest    []Stuck `json:"largest_stuck,omitempty"` // at most five
	Ended      uint64  `json:"ended_for_memory"`        // flows ended because others needed their memory
}

// String says in one line how many flows stand still and which holds most; "" when none does.
func (u *Usage) String() string {
	if u.Stuck == 0 && u.Ended == 0 {
		return ""
	}
	s := fmt.Sprintf("%d of the TCP flows stand still and hold %d KiB", u.Stuck, u.StuckBytes>>10)
	if len(u.Largest) > 0 {
		f := &u.Largest[0]
		s += fmt.Sprintf("; most: %s → %s, %d KiB since %s", f.Src, f.Dst, f.Bytes>>10, f.Since.Local().Format(time.TimeOnly))
	}
	if u.Ended > 0 {
		s += fmt.Sprintf("; %d ended because memory was short", u.Ended)
	}
	return s
}

// Stuck is a flow whose reader stands still.
type Stuck struct {
	Owner string         `json:"owner"`
	Src   netip.AddrPort `json:"src"`
	Dst   netip.AddrPort `json:"dst"`
	Bytes int64          `json:"bytes"`
	Since time.Time      `json:"since"` // it moved last
}

// Usage returns a snapshot.
func (b *Budget) Usage(now time.Time) Usage {
	stuck := b.stuck(now)
	b.mu.Lock()
	u := Usage{Max: b.max, Bytes: b.total.Load(), Stuck: len(stuck), Ended: b.ended}
	b.mu.Unlock()
	for _, h := range stuck {
		u.StuckBytes += h.held.Load()
	}
	slices.SortFunc(stuck, func(x, y *Holding) int { return cmp.Compare(y.size(), x.size()) })
	for _, h := range stuck[:min(len(stuck), maxNamed)] {
		u.Largest = append(u.Largest, Stuck{
			Owner: h.name, Src: h.src, Dst: h.dst, Bytes: h.size(), Since: term.Moment(h.still.At()),
		})
	}
	return u
}
