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
	// sequenceLast is how far no store gets.
	sequenceLast = 1 << 31
)

// checkBlocks refuses a store in which a sequence cannot be right.
func (s *Store) checkBlocks(ev *journal.Evidence) error {
	if s.cfg.Remote.URL != "" {
		return nil
	}
	limits := map[string]uint64{streamState: ev.Revision, streamAudit: ev.Image.Noted(noteAudit), "KV_" + bucketSeen: 0}
	for _, stream := range []string{streamState, streamAudit, "KV_" + bucketSeen} {
		dir := filepath.Join(s.cfg.Dir, natsDir, streamsDir, stream, "msgs")
		all, err := os.ReadDir(dir)
		if err != nil {
			continue // none yet, or not to be read: the server will say so
		}
		for _, f := range all {
			if filepath.Ext(f.Name()) != ".blk" {
				continue
			}
			path := filepath.Join(dir, f.Name())
			if b, err := process.ReadFile(path); err == nil {
				if at := wrongSequence(b, limits[stream]); at >= 0 {
					return s.advise(fmt.Errorf("open store: %s is damaged: the number of the record at %d cannot be right", path, at))
				}
			}
		}
	}
	return nil
}

// wrongSequence returns where in a block a record has a sequence that it cannot have, -1 where none
// has; newest is the newest that is known, 0 = none is.
func wrongSequence(b []byte, newest uint64) int {
	type record struct {
		at       int
		sequence uint64
	}
	var all []record
	for at := 0; at+blockHeader <= len(b); {
		length := int(binary.LittleEndian.Uint32(b[at:]) & blockLength)
		sequence := binary.LittleEndian.Uint64(b[at+4:])
		if length < blockHeader || length > len(b)-at {
			break // the server truncates it there
		}
		if plain := sequence &^ blockMarks; plain > sequenceLast || newest > 0 && plain > newest+sequenceLeap {
			return at
		}
		if sequence&tombstone == 0 {
			all = append(all, record{at, sequence &^ blockMarks})
		}
		at += length
	}
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
