package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
)

const (
	// roomStep is by how much a journal is made longer: records are written where there is room
	// already, so that a full disk refuses a change before it is made, not after.
	roomStep = 64 << 10
	// minLength and snapshots say when a journal begins anew: when its records are longer than both.
	minLength = 1 << 20
	snapshots = 4 // lengths of the snapshot
)

// maxDebt bounds what is remembered until it can be written; beyond it both files are written anew.
const maxDebt = 1 << 20

// Journal keeps the evidence up to date. Its methods are safe for concurrent use.
type Journal struct {
	disk  disk
	dir   string
	first bool // there is no journal yet that could be read

	mu sync.Mutex
	// guarded by mu:
	image    Image  // everything that was appended
	kept     uint64 // the newest revision that is on disk, with all before it
	file     file   // nil: both files have to be written anew
	closed   bool   // the files are another one's to write
	end      int64  // behind the last record
	room     int64  // how long the file is
	booked   int64  // of the room, for changes under way
	snapshot int64  // how long the snapshot is
	debt     []byte // records that are to be written
}

// Resume goes on with files that are as they were written: ev has no faults.
func Resume(dir string, ev *Evidence) (*Journal, error) { return resume(folder(dir), dir, ev) }

func resume(d disk, dir string, ev *Evidence) (*Journal, error) {
	// What is behind the end is zeros, but perhaps no room on the disk: it is written once more.
	j := &Journal{disk: d, dir: dir, image: ev.Image, kept: ev.Revision, end: ev.size, room: ev.size, snapshot: ev.snapshot}
	var err error
	if j.file, err = d.open(JournalFile); err != nil {
		return nil, j.failed(err)
	}
	return j, nil
}

// Renew returns a journal that begins anew with image, the state of a store that was compared with
// ev. It writes nothing until Save, which every Book and Append tries.
func Renew(dir string, ev *Evidence, image Image) *Journal { return renew(folder(dir), dir, ev, image) }

func renew(d disk, dir string, ev *Evidence, image Image) *Journal {
	return &Journal{disk: d, dir: dir, first: ev.None || ev.short, image: image}
}

// failed is about the journal's own files.
func (j *Journal) failed(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("write %s: %w", filepath.Join(j.dir, JournalFile), err)
}

// Revision returns the newest revision that is on disk, with everything before it.
func (j *Journal) Revision() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.kept
}

// Book makes sure that there is room for a change of key, before it is made, and that everything
// before it is on disk. The room is given back with the function that it returns, whether the change
// was made or not.
func (j *Journal) Book(key string, value []byte) (release func(), err error) {
	if len(key) > maxKey || len(value) > maxValue {
		return nil, fmt.Errorf("write %s: a value of %d bytes, at most %d", key, len(value), maxValue)
	}
	n := size(key, value)
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.settle(); err != nil {
		return nil, j.failed(err)
	}
	if err := j.extend(j.booked + n); err != nil {
		return nil, j.failed(err)
	}
	j.booked += n
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.booked -= n
	}, nil
}

// Append takes in changes that the store has made, in their order. When it returns nil they are on
// disk; else they are remembered, and written by whoever comes next.
func (j *Journal) Append(records ...Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range records {
		j.image.Apply(r)
		if len(j.debt) < maxDebt {
			j.debt = appendRecord(j.debt, j.image.frame(r))
		} else {
			j.giveUp()
		}
	}
	if err := j.settle(); err != nil {
		return j.failed(err)
	}
	return nil
}

// Note remembers a number under a name. It is on disk with the next Append.
func (j *Journal) Note(name string, n uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.image.Noted(name) == n {
		return
	}
	r := j.image.note(name, n)
	j.image.Apply(r)
	if len(j.debt) < maxDebt {
		j.debt = appendRecord(j.debt, j.image.frame(r))
	}
}

// giveUp lets both files be written anew, in place of a debt that has grown too long.
func (j *Journal) giveUp() {
	if j.file != nil {
		_ = j.file.Close()
	}
	j.file, j.debt = nil, nil
}

// Long says whether the journal should begin anew: Save.
func (j *Journal) Long() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.end > minLength && j.end > snapshots*j.snapshot
}

// Save writes a snapshot of now, and lets the journal begin behind it.
func (j *Journal) Save() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.save(); err != nil {
		return j.failed(err)
	}
	return nil
}

// save writes the snapshot first, so that there is always one that goes with the journal; where there
// is no journal that goes first: it can prove a store that is whole, a snapshot alone cannot.
func (j *Journal) save() error {
	if j.closed {
		return fs.ErrClosed
	}
	steps := []func() error{j.saveSnapshot, j.saveJournal}
	if j.first {
		slices.Reverse(steps)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	j.first = false
	return nil
}

func (j *Journal) saveSnapshot() error {
	b := encodeSnapshot(&j.image)
	if err := replace(j.disk, SnapshotFile, b); err != nil {
		return err
	}
	j.snapshot = int64(len(b))
	j.image.gone = map[string]uint64{} // a key that it does not have is gone
	return nil
}

func (j *Journal) saveJournal() error {
	b := encodeJournal(&j.image)
	end := int64(len(b))
	b = append(b, make([]byte, roomStep)...)
	if err := write(j.disk, draft(JournalFile), b); err != nil {
		return err
	}
	if j.file != nil {
		_ = j.file.Close() // some systems do not rename over an open file
		j.file = nil
	}
	if err := place(j.disk, JournalFile); err != nil {
		return err
	}
	f, err := j.disk.open(JournalFile)
	if err != nil {
		return err
	}
	j.file, j.end, j.room, j.debt, j.kept = f, end, int64(len(b)), nil, j.image.revision
	return nil
}

// Close closes the file. Nothing is written afterwards: Book, Append and Save fail.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file = nil
	return err
}

// settle writes the debt.
func (j *Journal) settle() error {
	switch {
	case j.file == nil || j.first:
		return j.save()
	case len(j.debt) == 0:
		return nil
	}
	if err := j.extend(int64(len(j.debt))); err != nil {
		return err
	}
	if _, err := j.file.WriteAt(j.debt, j.end); err != nil {
		return err
	}
	if err := j.file.Sync(); err != nil {
		return err
	}
	j.end, j.debt, j.kept = j.end+int64(len(j.debt)), nil, j.image.revision
	return nil
}

// extend makes sure that n bytes can be written behind the end, and that a byte is left: a file
// without an empty part has been cut off.
func (j *Journal) extend(n int64) error {
	if n++; j.end+n <= j.room {
		return nil
	}
	more := (j.end + n - j.room + roomStep - 1) / roomStep * roomStep
	if _, err := j.file.WriteAt(make([]byte, more), j.room); err != nil {
		return err
	}
	if err := j.file.Sync(); err != nil {
		return err
	}
	j.room += more
	return nil
}
