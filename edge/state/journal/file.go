package journal

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
)

// Files of the evidence, in the edge's state directory.
const (
	JournalFile  = "journal"
	SnapshotFile = "snapshot"
)

// What a file begins with.
const (
	journalMagic  = "opjrnl1\n"
	snapshotMagic = "opsnap1\n"
)

// contents is what can be read of a file.
type contents struct {
	records []framed // the first is Begin where nothing is damaged
	end     int64    // where the last of them ends
	faults  []string // what is wrong with it
	torn    bool     // a record was begun behind the last
}

// scan reads records, and goes on behind what is none.
func scan(b []byte, magic string) contents {
	var c contents
	at, broken := 0, 0 // where we are; where what is no record began
	if bytes.HasPrefix(b, []byte(magic)) {
		at, broken = len(magic), len(magic)
	}
	for at < len(b) {
		r, n := parseRecord(b[at:])
		if n == 0 {
			at = next(b, at+1)
			continue
		}
		if at > broken {
			c.faults = append(c.faults, fmt.Sprintf("%d bytes at %d are damaged", at-broken, broken))
		}
		at += n
		broken = at
		c.records, c.end = append(c.records, r), int64(at)
	}
	if len(c.records) == 0 {
		c.faults = append(c.faults, "nothing in it can be read")
		return c
	}
	if c.records[0].Op != Begin {
		c.faults = append(c.faults, "its beginning is missing")
	}
	rest := b[c.end:]
	c.torn = nonzero(rest[:min(recordHeader, len(rest))]) > 1 // one alone is a bit of the empty part
	switch {
	case c.torn:
		c.faults = append(c.faults, fmt.Sprintf("the record at %d is damaged", c.end))
	case nonzero(rest) > 0:
		c.faults = append(c.faults, fmt.Sprintf("its empty part, behind %d, is not empty", c.end))
	}
	return c
}

// nonzero counts bytes.
func nonzero(b []byte) int { return len(b) - bytes.Count(b, []byte{0}) }

// scanJournal is scan for a journal, which always has an empty part.
func scanJournal(b []byte) contents {
	c := scan(b, journalMagic)
	if len(c.records) > 0 && c.end == int64(len(b)) {
		c.faults = append(c.faults, fmt.Sprintf("it has been cut off at %d", c.end))
	}
	return c
}

// next returns where the mark of a record stands in b at or behind at; len(b) where nowhere.
func next(b []byte, at int) int {
	i := bytes.Index(b[min(at, len(b)):], []byte{recordMark >> 24, recordMark >> 16 & 0xff, recordMark >> 8 & 0xff, recordMark & 0xff})
	if i < 0 {
		return len(b)
	}
	return at + i
}

// scanSnapshot is scan for a snapshot, which ends with a SHA-256 of all before it.
func scanSnapshot(b []byte) contents {
	body := b[:max(0, len(b)-sha256.Size)]
	c := scan(body, snapshotMagic)
	if c.end < int64(len(body)) && len(c.faults) == 0 {
		c.faults = append(c.faults, fmt.Sprintf("it has an empty part, behind %d", c.end))
	}
	if sum := sha256.Sum256(body); len(c.faults) == 0 && !bytes.Equal(sum[:], b[len(body):]) {
		c.faults = append(c.faults, "its SHA-256 is another")
	}
	return c
}

// encodeSnapshot returns the file of an image.
func encodeSnapshot(im *Image) []byte {
	b := appendRecord([]byte(snapshotMagic), im.frame(Record{Revision: im.revision, Op: Begin}))
	for _, name := range slices.Sorted(maps.Keys(im.notes)) {
		r := im.note(name, im.notes[name])
		b = appendRecord(b, im.frame(r))
	}
	var part Image
	for _, r := range im.Records() {
		part.Apply(r)
		b = appendRecord(b, part.frame(r))
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// encodeJournal returns the file of a journal that begins at an image.
func encodeJournal(im *Image) []byte {
	return appendRecord([]byte(journalMagic), im.frame(Record{Revision: im.revision, Op: Begin}))
}
