package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"go.uber.org/zap"

	"github.com/oneping/oneping/edge/state/journal"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/process"
)

// marker is a file in the embedded store that says that there is a journal beside it: a store without
// one is an earlier version's, and one whose journal is lost must not be taken for that.
const marker = "journaled"

// readEvidence reads what was acknowledged.
func readEvidence(dir string) (*journal.Evidence, error) {
	ev, err := journal.Read(dir)
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return nil, &advice.Error{Text: "read " + pe.Path + ": " + pe.Err.Error(), Advice: "run as the user who owns the edge's state directory", Cause: err}
	}
	return ev, err
}

// keep compares what the store gave with what was acknowledged, refuses a store that has less, and
// makes the journal ready for what comes.
func (s *Store) keep(ev *journal.Evidence, found *loaded) (*journal.Journal, error) {
	if ev.None && s.marked() {
		return nil, s.unproven([]journal.Fault{{File: journal.JournalFile, What: "it is missing"}, {File: journal.SnapshotFile, What: "it is missing"}})
	}
	if d := ev.Compare(&found.Store); !d.None() {
		return nil, s.less(ev, d)
	}
	if ev.None || len(ev.Faults) > 0 {
		return s.renew(ev, found)
	}
	j, err := journal.Resume(s.cfg.Dir, ev)
	if err != nil {
		return nil, err
	}
	newer := slices.DeleteFunc(slices.Clone(found.records), func(r journal.Record) bool { return r.Revision <= ev.Revision })
	if len(newer) > 0 {
		s.cfg.Log.Info("the store has changes that were not acknowledged: they are kept", zap.Int("changes", len(newer)))
		s.append(j, newer)
	}
	return j, nil
}

// renew begins both files anew with a store that is whole, or of which nothing was known before.
func (s *Store) renew(ev *journal.Evidence, found *loaded) (*journal.Journal, error) {
	for _, f := range ev.Faults {
		s.cfg.Log.Warn("the store is whole, but its journal was damaged: it is written anew",
			zap.String("file", filepath.Join(s.cfg.Dir, f.File)), zap.String("damage", f.What))
	}
	if ev.None && len(found.records) > 0 {
		s.cfg.Log.Info("the store has no journal yet: it begins now", zap.Int("entries", len(found.Live)))
	}
	image := found.image()
	image.Remember(noteAudit, ev.Image.Noted(noteAudit))
	j := journal.Renew(s.cfg.Dir, ev, image)
	if err := j.Save(); err != nil {
		s.cfg.Log.Warn("cannot write the journal: changes are refused until that works", zap.Error(err), obs.Hint(err))
		return j, nil
	}
	return j, s.mark()
}

// image returns everything that was found.
func (l *loaded) image() journal.Image {
	var im journal.Image
	im.Apply(journal.Record{Revision: l.Revision, Op: journal.Begin})
	for _, r := range l.records {
		im.Apply(r)
	}
	return im
}

// note writes changes that the store has made to the journal, and where the audit log ends.
func (s *Store) note(x *session, records []journal.Record) {
	x.journal.Note(noteAudit, x.audited.Load())
	s.append(x.journal, records)
}

func (s *Store) append(j *journal.Journal, records []journal.Record) {
	if err := j.Append(records...); err != nil {
		s.cfg.Log.Error("cannot write to the journal: what was changed is in force and not kept", zap.Error(err), obs.Hint(err))
		return
	}
	if !j.Long() {
		return
	}
	if err := j.Save(); err != nil {
		s.cfg.Log.Warn("cannot let the journal begin anew: it goes on growing", zap.Error(err), obs.Hint(err))
	}
}

// marked says whether the embedded store has had a journal.
func (s *Store) marked() bool {
	_, err := os.Stat(s.markerPath())
	return err == nil && s.cfg.Remote.URL == ""
}

func (s *Store) mark() error {
	if s.cfg.Remote.URL != "" || s.marked() {
		return nil
	}
	return process.WriteFile(s.markerPath(), nil, 0o600)
}

func (s *Store) markerPath() string { return filepath.Join(s.cfg.Dir, natsDir, marker) }
