package path

import (
	"slices"
	"sync"

	"github.com/oneping/oneping/proto"
)

// maxDenials is how many denials `client status --denials` can list.
const maxDenials = 100

// denials keeps the last hundred denials. The zero value is ready; safe for concurrent use.
type denials struct {
	// mu guards what follows.
	mu   sync.Mutex
	ring [maxDenials]proto.Denial
	n    int
}

// add records d, once: a denial may be told both by an event and by a control message.
func (r *denials) add(d *proto.Denial) {
	if d == nil || d.ID == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.ring {
		if r.ring[i].ID == d.ID {
			return
		}
	}
	r.ring[r.n%maxDenials] = *d
	r.n++
}

// count returns how many there have been.
func (r *denials) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n
}

// list returns the denials, the newest first.
func (r *denials) list() []proto.Denial {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]proto.Denial, 0, min(r.n, maxDenials))
	for i := max(0, r.n-maxDenials); i < r.n; i++ {
		out = append(out, r.ring[i%maxDenials])
	}
	slices.Reverse(out)
	return out
}
