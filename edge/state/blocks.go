package state

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/oneping/oneping/edge/state/journal"
	"github.com/oneping/oneping/internal/process"
)

// A record in a block file of the embedded server, little-endian (nats-server 2.15, filestore.go):
//
//	+------------------------------------------------+
//	| length of the record, bit 31: it has headers   |  4 bytes
//	+------------------------------------------------+
//	| sequence; bit 63: erased, bit 62: a tombstone  |  8 bytes
//	+------------------------------------------------+
//	| time (8), length of the subject (2), subject,  |
//	| headers, value, checksum (8)                   |
//	+------------------------------------------------+
//
// The server believes a sequence before it looks at the checksum, and counts up to it: one wrong bit
// can take it years. So it is looked at here, before a start. All other damage is left to the server
// and to what the journal says of the outcome.
const (
	blockHeader = 22
	blockLength = 1<<31 - 1 // without the bit
	blockMarks  = 3 << 62
	tombstone   = 1 << 62

	// sequenceLeap is how far a sequence may be from what is known: nobody writes so often.
	sequenceLeap = 1 << 20
	// sequenceGap is how far two records may be apart where nothing more is known.
	sequenceGap = 1 << 24
	// sequenceLast is how far no store gets that people write to.
	sequenceLast = 1 << 31
	// sequenceSeen is how far oneping-seen does not get, which each node writes every SeenStep: a
	// million of them take ten years.
	sequenceSeen = 1 << 40
)

// checkBlocks refuses a store in which a sequence cannot be right.
func (s *Store) checkBlocks(ev *journal.Evidence) error {
	if s.cfg.Remote.URL != "" {
		return nil
	}
	limits := map[string]uint64{streamState: ev.Revision, streamAudit: ev.Image.Noted(noteAudit), "KV_" + bucketSeen: 0}
	for _, stream := range []string{streamState, streamAudit, "KV_" + bucketSeen} {
		dir := filepath.Join(s.cfg.Dir, natsDir, streamsDir, stream, "msgs")
		blocks, err := os.ReadDir(dir)
		if err != nil {
			continue // none yet, or not to be read: the server will say so
		}
		blocks = slices.DeleteFunc(blocks, func(f os.DirEntry) bool { return filepath.Ext(f.Name()) != ".blk" })
		for _, f := range blocks {
			path := filepath.Join(dir, f.Name())
			b, err := process.ReadFile(path)
			if err != nil {
				continue
			}
			records, last := recordsOf(b), uint64(sequenceLast)
			if stream == "KV_"+bucketSeen && len(blocks)+len(records) > 2 { // a lone record is one node's
				last = sequenceSeen
			}
			if at := wrongSequence(records, limits[stream], last); at >= 0 {
				return s.advise(fmt.Errorf("open store: %s is damaged: the number of the record at %d cannot be right", path, at))
			}
		}
	}
	return nil
}

// blockRecord is what is looked at of a record.
type blockRecord struct {
	at       int    // where it begins in its block
	sequence uint64 // without the marks
	erased   bool   // a tombstone: it has another's sequence
}

// recordsOf returns the records of a block, up to what is none: there the server truncates it.
func recordsOf(b []byte) (all []blockRecord) {
	for at := 0; at+blockHeader <= len(b); {
		length := int(binary.LittleEndian.Uint32(b[at:]) & blockLength)
		sequence := binary.LittleEndian.Uint64(b[at+4:])
		if length < blockHeader || length > len(b)-at {
			break
		}
		all = append(all, blockRecord{at, sequence &^ blockMarks, sequence&tombstone != 0})
		at += length
	}
	return all
}

// wrongSequence returns where in a block a record has a sequence that it cannot have, -1 where none
// has; newest is the newest that is known, 0 = none is; last is the newest that there can be.
func wrongSequence(all []blockRecord, newest, last uint64) int {
	for _, r := range all {
		if r.sequence > last || newest > 0 && r.sequence > newest+sequenceLeap {
			return r.at
		}
	}
	all = slices.DeleteFunc(slices.Clone(all), func(r blockRecord) bool { return r.erased })
	for i, r := range slices.Backward(all) {
		if i > 0 && r.sequence > all[i-1].sequence+sequenceGap {
			return r.at
		}
		if i+1 < len(all) && r.sequence >= all[i+1].sequence && r.sequence > sequenceGap {
			return r.at
		}
	}
	return -1
}
