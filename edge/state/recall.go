package state

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/oneping/oneping/edge/state/journal"
)

// recall serves what was acknowledged, from the evidence alone: a store on a disk that is full or
// read-only may not open, and everything that traffic needs can be read. It says whether it could.
func (s *Store) recall() bool {
	ev, err := readEvidence(s.cfg.Dir)
	if err != nil || !ev.Complete() {
		return false
	}
	d := newDraft()
	for _, r := range ev.Image.Records() {
		s.take(d, remembered{r})
	}
	d.now.Revision = ev.Revision
	sn := d.snapshot()
	s.publish(sn)
	s.cfg.Log.Warn("the store does not open: what it last acknowledged is served from the journal, and nothing can be changed",
		zap.Uint64("revision", ev.Revision))
	s.begun.Do(func() {
		s.clock.opened(sn)
		close(s.ready)
	})
	return true
}

// remembered is a record of the journal as the entry of the bucket that it was made of.
type remembered struct{ record journal.Record }

func (e remembered) Bucket() string     { return bucketState }
func (e remembered) Key() string        { return e.record.Key }
func (e remembered) Value() []byte      { return e.record.Value }
func (e remembered) Revision() uint64   { return e.record.Revision }
func (e remembered) Created() time.Time { return time.Time{} }
func (e remembered) Delta() uint64      { return 0 }

func (e remembered) Operation() jetstream.KeyValueOp {
	if e.record.Op == journal.Put {
		return jetstream.KeyValuePut
	}
	return jetstream.KeyValuePurge
}
