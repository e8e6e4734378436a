package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/advice"
)

// write is what one change does to one key; a nil value deletes it.
type write struct {
	key   string
	value any
}

// errNothing is returned by a decision that finds nothing to do.
var errNothing = errors.New("nothing to change")

const (
	subjState    = "$KV." + bucketState + "." // how JetStream names the keys of a bucket
	streamState  = "KV_" + bucketState
	headerOp     = "KV-Operation"
	headerRollup = "Nats-Rollup"

	// changeTimeout bounds one change, conflicts included.
	changeTimeout = 15 * time.Second
	// settleTimeout is how long a conflict waits for the watcher to show what was written meanwhile.
	settleTimeout = time.Second
)

// change decides one write on the newest snapshot and makes it, under the
// condition that nothing was written since that snapshot; else it decides
// again. On return the write is on disk and Snapshot contains it.
func (s *Store) change(ctx context.Context, decide func(*model.Snapshot) (write, error)) error {
	sn := s.Snapshot()
	if sn == nil {
		return ErrNotReady
	}
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	expect := sn.Revision
	for {
		w, err := decide(sn)
		if errors.Is(err, errNothing) {
			return nil
		}
		if err != nil {
			return err
		}
		seq, err := s.write(ctx, w, expect)
		if err == nil {
			return s.acknowledge(ctx, w, seq)
		}
		if !isConflict(err) {
			return fmt.Errorf("write %s to store: %w", w.key, err)
		}
		if sn, expect, err = s.settle(ctx); err != nil {
			return fmt.Errorf("write %s to store: %w", w.key, err)
		}
	}
}

// write writes w where nothing was written since revision expect. What it will be in the journal has
// its room there before: a full disk refuses a change that was not made.
func (s *Store) write(ctx context.Context, w write, expect uint64) (uint64, error) {
	var body []byte
	if w.value != nil {
		var err error
		if body, err = json.Marshal(w.value); err != nil {
			return 0, err
		}
	}
	release, err := s.journal.Book(w.key, body)
	if err != nil {
		return 0, err
	}
	defer release()
	return s.put(ctx, w.key, body, expect)
}

// put writes a value; nil deletes the key.
func (s *Store) put(ctx context.Context, key string, body []byte, expect uint64) (uint64, error) {
	msg := nats.NewMsg(s.prefix + subjState + key)
	if body == nil {
		msg.Header.Set(headerOp, "PURGE")
		msg.Header.Set(headerRollup, "sub")
	}
	msg.Data = body
	ack, err := s.js.PublishMsg(ctx, msg, jetstream.WithExpectLastSequence(expect))
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// acknowledge returns nil once everything up to revision seq is in the journal and in Snapshot.
func (s *Store) acknowledge(ctx context.Context, w write, seq uint64) error {
	if _, err := s.await(ctx, seq); err != nil {
		return err
	}
	if s.journal.Revision() < seq {
		return &advice.Error{
			Text:   "write " + w.key + ": it is in force, but could not be written to the journal beside the store",
			Advice: "the edge's log says why; when that is mended, do it again",
		}
	}
	return nil
}

func isConflict(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// settle waits until the snapshot shows all that has been written, and returns
// it with the revision that the next write must expect. That revision is
// beyond the snapshot's where somebody removed the last entries with a NATS
// tool: nothing will ever show them.
func (s *Store) settle(ctx context.Context) (*model.Snapshot, uint64, error) {
	was := s.Snapshot().Revision
	st, err := s.js.Stream(ctx, streamState)
	if err != nil {
		return nil, 0, err
	}
	last := st.CachedInfo().State.LastSeq
	if last < was {
		return nil, 0, &advice.Error{
			Text:   fmt.Sprintf("the store is at revision %d, this edge has acknowledged %d", last, was),
			Advice: "the cluster was restored from an older copy: restore its newest, then restart the edge",
		}
	}
	wait, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	sn, err := s.await(wait, last)
	if ctx.Err() != nil {
		return nil, 0, context.Cause(ctx)
	}
	if err != nil {
		return s.Snapshot(), last, nil
	}
	return sn, sn.Revision, nil
}

// await returns a snapshot that contains everything up to revision.
func (s *Store) await(ctx context.Context, revision uint64) (*model.Snapshot, error) {
	for {
		changed := s.Changed()
		if sn := s.Snapshot(); sn.Revision >= revision {
			return sn, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for store: %w", context.Cause(ctx))
		}
	}
}
