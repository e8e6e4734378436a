package state

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/oneping/oneping/edge/state/journal"
)

const (
	// slowLoad is after which silence of a store that is being read that is said, and each entry that it
	// should have asked for by its name: NATS delivers nothing at all where it stumbles over one.
	slowLoad = 2 * time.Second
	// stuckLoad is how often it may be silent for so long, one after the other.
	stuckLoad = 15
	// maxRecords bounds how many records are looked at, one by one.
	maxRecords = 1 << 20
	// maxBurst is how many changes go into one snapshot: 1,000 routes in one command are one.
	maxBurst = 4096
)

// loaded is what a store gave at the start.
type loaded struct {
	journal.Store
	draft   *draft
	records []journal.Record // oldest first
}

func newLoaded() *loaded {
	return &loaded{Store: journal.Store{Live: map[string]journal.Entry{}, Gone: map[string]uint64{}}, draft: newDraft()}
}

// recordOf returns an entry of the bucket as the journal has it.
func recordOf(e jetstream.KeyValueEntry) journal.Record {
	if e.Operation() != jetstream.KeyValuePut {
		return journal.Record{Revision: e.Revision(), Op: journal.Delete, Key: e.Key()}
	}
	return journal.Record{Revision: e.Revision(), Op: journal.Put, Key: e.Key(), Value: e.Value()}
}

// add takes in what the store has of one key.
func (l *loaded) add(r journal.Record) {
	l.Revision = max(l.Revision, r.Revision)
	l.records = append(l.records, r)
	if r.Op == journal.Put {
		l.Live[r.Key] = journal.Entry{Revision: r.Revision, Value: r.Value}
		delete(l.Gone, r.Key)
		return
	}
	l.Gone[r.Key] = r.Revision
	delete(l.Live, r.Key)
}

// load reads all that is stored.
func (s *Store) load(ctx context.Context, x *session, w jetstream.KeyWatcher, ev *journal.Evidence) (*loaded, error) {
	found := newLoaded()
	st, err := x.js.Stream(ctx, streamState)
	if err != nil {
		return nil, s.storeError("open store", err)
	}
	quiet := time.NewTimer(slowLoad)
	defer quiet.Stop()
	for silent := 0; ; {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-quiet.C:
			if silent++; silent == stuckLoad {
				return nil, s.stuck(len(found.records))
			}
			if silent == 1 {
				s.cfg.Log.Info("the store is silent while it is being read", zap.Int("entries", len(found.records)))
				if err := s.probe(ctx, st, ev); err != nil {
					return nil, err
				}
			}
		case e, ok := <-w.Updates():
			if !ok {
				return nil, watcherEnded(ctx)
			}
			if e == nil { // all that was stored has been seen
				found.Revision = max(found.Revision, st.CachedInfo().State.LastSeq)
				return found, nil
			}
			silent = 0
			s.take(found.draft, e)
			found.add(recordOf(e))
		}
		quiet.Reset(slowLoad)
	}
}

// probe asks the store for each entry that was acknowledged, and refuses one that has not all of them.
func (s *Store) probe(ctx context.Context, st jetstream.Stream, ev *journal.Evidence) error {
	got := newLoaded()
	got.Revision = st.CachedInfo().State.LastSeq
	for key := range ev.Image.Entries() {
		msg, err := st.GetLastMsgForSubject(ctx, subjState+key)
		switch {
		case errors.Is(err, context.Canceled):
			return err
		case err != nil, msg.Sequence > got.Revision:
			continue // that it cannot give it, or not as it was, is what is to be known
		case msg.Header.Get(headerOp) != "":
			got.add(journal.Record{Revision: msg.Sequence, Op: journal.Delete, Key: key})
		default:
			got.add(journal.Record{Revision: msg.Sequence, Op: journal.Put, Key: key, Value: msg.Data})
		}
	}
	if d := ev.Compare(&got.Store); !d.None() {
		return s.less(ev, d)
	}
	return s.damagedRecord(ctx, st)
}

// damagedRecord looks for a record that the store has and cannot give.
func (s *Store) damagedRecord(ctx context.Context, st jetstream.Stream) error {
	info := st.CachedInfo().State
	for seq := max(info.FirstSeq, 1); seq <= info.LastSeq && seq-info.FirstSeq < maxRecords; seq++ {
		msg, err := st.GetMsg(ctx, seq)
		if err == nil && msg.Sequence != seq {
			err = fmt.Errorf("it says that it is %d", msg.Sequence)
		}
		switch {
		case err == nil, errors.Is(err, jetstream.ErrMsgNotFound): // overwritten since
		case ctx.Err() != nil:
			return context.Cause(ctx)
		default:
			return s.advise(fmt.Errorf("open store: %s is damaged: its record %d of %d cannot be read: %w", s.place(), seq, info.LastSeq, err))
		}
	}
	return nil
}

// stuck is about a store that delivers nothing any more.
func (s *Store) stuck(entries int) error {
	err := fmt.Errorf("open store: %s: it has given %d entries and nothing for %s", s.place(), entries, stuckLoad*slowLoad)
	return s.advise(err)
}
