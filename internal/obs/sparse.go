package obs

import (
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/bucket"
)

const (
	// Lines per cause, network and second, and at once.
	sparseRate, sparseBurst = 0.1, 5
	// maxCauses bounds the pairs of cause and network that have lines of their own; the others
	// share.
	maxCauses = 1024
)

// Sparse logs what strangers can make happen as often as they like: a few lines for each cause and
// network (/24, /64), then one now and then with the number of those between. Safe for concurrent
// use.
type Sparse struct {
	lines *bucket.Table[cause]
}

type cause struct {
	what string
	from netip.Prefix
}

// NewSparse returns one that has said nothing yet.
func NewSparse() *Sparse {
	return &Sparse{lines: bucket.New[cause](sparseRate, sparseBurst, maxCauses)}
}

// Warn logs text about from, whose cause is what: a constant word, or the text of a code.
func (s *Sparse) Warn(log *zap.Logger, from netip.Addr, what, text string, fields ...zap.Field) {
	ok, left := s.lines.Take(cause{what, bucket.Network(from)}, time.Now())
	if !ok {
		return
	}
	if left > 0 {
		fields = append(fields, zap.Uint64("suppressed", left))
	}
	log.Warn(text, fields...)
}
