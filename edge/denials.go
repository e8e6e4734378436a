package edge

import (
	"context"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/proto"
)

const (
	// tellAfter is how long the log waits for more of what has just been denied.
	tellAfter = time.Second
	// tellEvery is how often it is looked what goes on being denied.
	tellEvery = time.Minute
)

// tellDenials writes to the log what was denied, summed up: one line for each user, destination and
// service, and one a minute where it goes on. A user has so many lines as the log's limit lets
// through; others of his are one line.
func (e *Edge) tellDenials(ctx context.Context) error {
	again := time.NewTicker(tellEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		case <-e.denials.News():
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(tellAfter):
			}
		}
		for _, d := range e.denials.Untold(time.Now()) {
			e.cfg.Log.Info("denied", obs.Known(d.User), zap.String(obs.FieldUser, d.User), zap.String(obs.FieldDevice, d.Device),
				destination(d.Dst), zap.String("service", d.Service), zap.Uint64("count", d.Count), zap.Time("first", d.First), decision(d.ID))
		}
	}
}

// decision is the field of a denial's id; those of which nobody heard have none.
func decision(id proto.DecisionID) zap.Field {
	if id == 0 {
		return zap.Skip()
	}
	return zap.Stringer("decision", id)
}

// destination is the field of a denial's; others have none.
func destination(a netip.Addr) zap.Field {
	if !a.IsValid() {
		return zap.Skip()
	}
	return zap.Stringer("destination", a)
}
