package state

import (
	"context"
	"encoding/json"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/oneping/oneping/edge/state/journal"
	"github.com/oneping/oneping/internal/obs"
)

const (
	// noteAudit is under which name the journal has where the audit log ends.
	noteAudit = "audit"
	// auditLook is how many events a start looks at, the newest.
	auditLook = 1000
	// clockStep is how far the clock may have been set back between an event and its record.
	clockStep = time.Hour
)

// checkAudit says what the audit log has lost, as far as that can be known. Nothing that is served hangs
// on it: the edge goes on.
func (s *Store) checkAudit(ctx context.Context, x *session, ev *journal.Evidence) {
	st, err := x.js.Stream(ctx, streamAudit)
	if err != nil {
		s.cfg.Log.Warn("cannot look at the audit log", zap.Error(err), obs.Hint(err))
		return
	}
	info := st.CachedInfo().State
	x.audited.Store(info.LastSeq)
	damaged := uint64(0)
	if x.server != nil { // an external one's is its operator's, and far away
		for seq := info.LastSeq; seq >= max(info.FirstSeq, 1) && info.LastSeq-seq < auditLook; seq-- {
			if msg, err := st.GetMsg(ctx, seq); err != nil || !dated(msg) {
				damaged++
			}
		}
	}
	lost := ev.Image.Noted(noteAudit)
	if info.Msgs > 0 {
		lost -= min(lost, info.LastSeq)
	}
	if lost+damaged == 0 || ctx.Err() != nil {
		return
	}
	s.cfg.Log.Warn("the audit log has lost events", zap.String("log", s.auditPlace()),
		zap.Uint64("lost_at_the_end", lost), zap.Uint64("damaged", damaged),
		zap.String(obs.FieldHint, "what is served is whole; if the events matter, look for them in a backup"))
}

// dated says whether a record of the audit log is no older than the event in it. NATS has no checksum
// over the time of a record: one that looks old it removes, after this look.
func dated(msg *jetstream.RawStreamMsg) bool {
	var e AuditEvent
	return json.Unmarshal(msg.Data, &e) == nil && msg.Time.After(e.Time.Add(-clockStep))
}

// auditPlace names the audit log for people.
func (s *Store) auditPlace() string {
	if s.cfg.Remote.URL != "" {
		return "stream " + streamAudit + " of the external store"
	}
	return filepath.Join(s.cfg.Dir, natsDir, auditDir)
}
