package state

import (
	"context"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/oneping/oneping/edge/state/journal"
	"github.com/oneping/oneping/internal/obs"
)

const (
	// noteAudit is under which name the journal has where the audit log ends.
	noteAudit = "audit"
	// auditLook is how many events a start looks at, the newest.
	auditLook = 1000
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
			if _, err := st.GetMsg(ctx, seq); err != nil {
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

// auditPlace names the audit log for people.
func (s *Store) auditPlace() string {
	if s.cfg.Remote.URL != "" {
		return "stream " + streamAudit + " of the external store"
	}
	return filepath.Join(s.cfg.Dir, natsDir, auditDir)
}
