package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/oneping/oneping/edge/state/journal"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/process"
)

// File is a file of the state directory.
type File struct {
	Name string
	Data []byte
}

// Evidence is what a backup has of the store.
type Evidence struct {
	Files    []File
	Revision uint64 // the newest that was acknowledged
	Parts    []Part // what there is, by kind
	Held     int    // revocations that are in force and not in it: they could not be written yet
}

// Evidence returns what was acknowledged, at one moment, while the store runs: also where the disk
// takes nothing.
func (s *Store) Evidence() (*Evidence, error) {
	if s.Snapshot() == nil {
		return nil, ErrNotReady
	}
	var files journal.Files
	if x := s.current.Load(); x != nil {
		files = x.journal.Export()
	} else {
		ev, err := readEvidence(s.cfg.Dir)
		if err != nil {
			return nil, err
		}
		if !ev.Complete() {
			return nil, s.incomplete("back up", ev)
		}
		files = ev.Export()
	}
	out, err := evidenceOf(&files)
	if err == nil {
		out.Held = s.held.len()
	}
	return out, err
}

// ReadEvidence reads the files that Evidence returns; an error says which is damaged.
func ReadEvidence(files map[string][]byte) (*Evidence, error) {
	return evidenceOf(&journal.Files{Snapshot: files[journal.SnapshotFile], Journal: files[journal.JournalFile]})
}

// EvidenceNames are the names of the files that Evidence returns, in its order.
func EvidenceNames() []string { return []string{journal.SnapshotFile, journal.JournalFile} }

func evidenceOf(files *journal.Files) (*Evidence, error) {
	ev := files.Evidence()
	for _, f := range ev.Faults {
		return nil, errors.New(f.File + ": " + f.What)
	}
	if !ev.Complete() {
		return nil, errors.New(journal.SnapshotFile + " and " + journal.JournalFile + " do not belong together")
	}
	return &Evidence{
		Files:    []File{{journal.SnapshotFile, files.Snapshot}, {journal.JournalFile, files.Journal}},
		Revision: ev.Revision, Parts: partsOf(ev.Image.Entries()),
	}, nil
}

// unpack puts the files of a backup into the state directory. What is there of an edge is kept in a
// directory of its own where that is asked for, else nothing is done. The authority's key goes first
// and comes last, and the evidence is never away: wherever this is interrupted, a start is refused.
func (s *Store) unpack(how Restore, out *Restored) error {
	there, err := s.occupied(how.Files)
	if err != nil {
		return err
	}
	if len(there) > 0 && !how.Replace {
		return s.inTheWay()
	}
	if how.DryRun {
		return nil
	}
	if len(there) > 0 {
		if err := s.keepAside(there, out); err != nil {
			return fmt.Errorf("move what is there aside: %w", err)
		}
	}
	for _, f := range how.Files {
		if err := process.WriteFile(filepath.Join(s.cfg.Dir, f.Name), f.Data, 0o600); err != nil {
			return fmt.Errorf("restore %s: %w", f.Name, process.NoRoom(s.cfg.Dir, err))
		}
	}
	return nil
}

// keepAside moves what is there into a directory of its own, the last first. The evidence is copied:
// without it an edge would begin anew.
func (s *Store) keepAside(there []string, out *Restored) error {
	aside, err := s.asideDir()
	if err != nil {
		return err
	}
	out.Aside = append(out.Aside, aside)
	for _, name := range slices.Backward(there) {
		from, to := filepath.Join(s.cfg.Dir, name), filepath.Join(aside, name)
		if !slices.Contains(EvidenceNames(), name) {
			if err := os.Rename(from, to); err != nil {
				return err
			}
			continue
		}
		b, err := process.ReadFile(from)
		if err == nil {
			err = process.WriteFile(to, b, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// asidePrefix begins the names of directories with what a backup has replaced.
const asidePrefix = "replaced-"

// asideDir makes an empty directory for what is replaced: replaced-DATE, or replaced-DATE-2 and on
// within one second.
func (s *Store) asideDir() (string, error) {
	first := filepath.Join(s.cfg.Dir, asidePrefix+s.cfg.Now().UTC().Format("20060102T150405"))
	dir := first
	for n := 2; ; n++ {
		err := os.Mkdir(dir, 0o700)
		if !errors.Is(err, fs.ErrExist) {
			return dir, err
		}
		dir = first + "-" + strconv.Itoa(n)
	}
}

// Replaced says whether a backup has replaced, or was to replace, what the state directory had.
func Replaced(dir string) bool {
	there, err := filepath.Glob(filepath.Join(dir, asidePrefix+"*"))
	return err == nil && len(there) > 0
}

// occupied returns what the state directory has of an edge: the store, and the files of a backup.
func (s *Store) occupied(files []File) (there []string, err error) {
	names := []string{natsDir}
	for _, f := range files {
		names = append(names, f.Name)
	}
	for _, name := range names {
		switch _, err := os.Lstat(filepath.Join(s.cfg.Dir, name)); {
		case err == nil:
			there = append(there, name)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("look at state directory: %w", err)
		}
	}
	return there, nil
}

// inTheWay is about a state directory in which an edge has its state.
func (s *Store) inTheWay() error {
	text := "restore into " + s.cfg.Dir + ": an edge has its state there"
	if ev, err := readEvidence(s.cfg.Dir); err == nil && !ev.None {
		text += fmt.Sprintf(", at revision %d", ev.Revision)
	}
	return &advice.Error{Text: text, Advice: "restore into an empty directory: --state-dir DIR; or have what is there moved aside: --replace"}
}
