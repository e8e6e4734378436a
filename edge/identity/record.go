package identity

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/bucket"
)

const (
	// recordEvery is how often the same is written to the audit log, which a write with fsync is and
	// which forgets its oldest events when it is full.
	recordEvery = time.Minute
	// recordBurst is how many events of enrolments refused there may be at once, and a minute: at
	// 230 bytes each a year fills the log.
	recordBurst = 10
	// maxRecorded bounds the events that are kept apart; the others share.
	maxRecorded = 1024
)

// records bounds what nodes and strangers have written to the audit log: an event is written when
// it is the first of its kind, then once a minute with how often it happened in between. Safe for
// concurrent use.
type records struct {
	total *rate.Limiter // of refusals
	kinds *bucket.Table[recorded]

	mu sync.Mutex
	// guarded by mu:
	left map[recorded]uint64 // out since the last that was written
}

// recorded is what happened, and to what.
type recorded struct{ action, object string }

func newRecords() *records {
	return &records{
		total: rate.NewLimiter(rate.Every(recordEvery/recordBurst), recordBurst),
		kinds: bucket.New[recorded](rate.Every(recordEvery), 1, maxRecorded),
		left:  make(map[recorded]uint64),
	}
}

// take says whether an event is written now, and how many like it were not since the last.
func (r *records) take(k recorded, refusal bool, now time.Time) (left uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if refusal && r.total.TokensAt(now) < 1 || !r.kinds.Take(k, now) || refusal && !r.total.AllowN(now, 1) {
		if _, known := r.left[k]; known || len(r.left) < maxRecorded {
			r.left[k]++
		}
		return 0, false
	}
	left = r.left[k]
	delete(r.left, k)
	return left, true
}

// audit writes that an enrolment went well, or was refused.
func (a *Authority) audit(ctx context.Context, e state.AuditEvent, refusal bool) {
	left, ok := a.records.take(recorded{e.Action, e.Object}, refusal, a.cfg.Now())
	if !ok {
		return
	}
	e.Suppressed = left
	if err := a.cfg.Store.Audit(ctx, e); err != nil {
		a.cfg.Log.Error("audit event lost", zap.String("action", e.Action), zap.Error(err))
	}
}
