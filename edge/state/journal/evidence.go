package journal

import (
	"errors"
	"io/fs"
)

// Fault is what is wrong with a file of the evidence.
type Fault struct {
	File string `json:"file"`
	What string `json:"what"`
}

// Evidence is what the files say. Nothing of it changes.
type Evidence struct {
	Image    Image   // what can be read of the state at Revision
	Revision uint64  // the newest that was acknowledged, as far as anything says so
	Faults   []Fault // none where both files are as they were written
	None     bool    // there is neither file

	count uint32 // of keys at Revision
	sum   Sum    // of them
	begun bool   // a record behind Revision was begun: the store has it
	short bool   // the journal is gone: what came behind Revision is not known
	size  int64  // bytes of records in the journal

	snapshot int64 // bytes of the snapshot
}

// Read reads the evidence in a state directory. The error is about a file that cannot be read at all.
func Read(dir string) (*Evidence, error) { return readEvidence(folder(dir)) }

func readEvidence(d disk) (*Evidence, error) {
	snapshot, noSnapshot, err := readFile(d, SnapshotFile)
	if err != nil {
		return nil, err
	}
	journal, noJournal, err := readFile(d, JournalFile)
	if err != nil {
		return nil, err
	}
	ev := &Evidence{}
	if noSnapshot && noJournal {
		ev.None = true
		return ev, nil
	}
	ev.takeSnapshot(snapshot, noSnapshot)
	ev.takeJournal(journal, noJournal)
	return ev, nil
}

func readFile(d disk, name string) (b []byte, missing bool, err error) {
	b, err = d.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, true, nil
	}
	return b, false, err
}

func (ev *Evidence) fault(file string, what ...string) {
	for _, w := range what {
		ev.Faults = append(ev.Faults, Fault{file, w})
	}
}

// takeSnapshot applies a snapshot, or what can be read of it.
func (ev *Evidence) takeSnapshot(b []byte, missing bool) {
	if missing {
		ev.fault(SnapshotFile, "it is missing")
		return
	}
	c := scanSnapshot(b)
	ev.snapshot = int64(len(b))
	ev.fault(SnapshotFile, c.faults...)
	for i, r := range c.records {
		if r.Op == Begin && i == 0 {
			ev.Revision, ev.count, ev.sum = r.Revision, r.count, r.sum
		}
		ev.Image.Apply(r.Record)
	}
}

// takeJournal applies what a journal has behind the snapshot.
func (ev *Evidence) takeJournal(b []byte, missing bool) {
	if missing {
		ev.short = true
		ev.fault(JournalFile, "it is missing")
		return
	}
	c := scanJournal(b)
	ev.fault(JournalFile, c.faults...)
	ev.size, ev.short = c.end, len(c.records) == 0
	old := ev.Revision // what the snapshot has
	for _, r := range c.records {
		if r.Revision < old {
			continue
		}
		if r.Op == Begin || r.Op == Note || r.Revision > ev.Image.seen(r.Key) { // the snapshot has it
			ev.Image.Apply(r.Record)
		}
		ev.Revision, ev.count, ev.sum = r.Revision, r.count, r.sum
		ev.begun = c.torn
	}
}

// Whole says whether everything that there was at Revision can be read.
func (ev *Evidence) Whole() bool {
	return ev.Image.sum == ev.sum && len(ev.Image.entries) == int(ev.count)
}

// Complete says whether the evidence alone is enough to make the store anew: everything that was
// acknowledged can be read, and nothing can have been acknowledged behind it.
func (ev *Evidence) Complete() bool { return !ev.None && ev.Whole() && !ev.short && !ev.begun }

// Count returns how many keys there were at Revision.
func (ev *Evidence) Count() int { return int(ev.count) }
