package journal

import "slices"

// Files is a pair of files that go together: what Read would find, at one moment.
type Files struct {
	Snapshot, Journal []byte
	Revision          uint64
}

// Export returns the evidence as a pair of files: everything that was appended, whether it is on
// disk by now or not.
func (j *Journal) Export() Files {
	j.mu.Lock()
	defer j.mu.Unlock()
	return export(&j.image)
}

// Export returns evidence that is complete as a new pair of files.
func (ev *Evidence) Export() Files { return export(&ev.Image) }

func export(im *Image) Files {
	journal := encodeJournal(im)
	return Files{
		Snapshot: encodeSnapshot(im), Journal: append(slices.Clip(journal), make([]byte, roomStep)...), Revision: im.revision,
	}
}

// Evidence returns what the files say, as Read does of a directory.
func (f *Files) Evidence() *Evidence {
	ev := &Evidence{}
	ev.takeSnapshot(f.Snapshot, len(f.Snapshot) == 0)
	ev.takeJournal(f.Journal, len(f.Journal) == 0)
	return ev
}
