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
		seq, err := s.put(ctx, w, expect)
		if err == nil {
			_, err := s.await(ctx, seq)
			return err
		}
		if !isConflict(err) {
			return fmt.Errorf("write %s to store: %w", w.key, err)
		}
		if sn, expect, err = s.settle(ctx); err != nil {
			return fmt.Errorf("write %s to store: %w", w.key, err)
		}
	}
}

func (s *Store) put(ctx context.Context, w write, expect uint64) (uint64, error) {
	msg := nats.NewMsg(s.prefix + subjState + w.key)
	if w.value == nil {
		msg.Header.Set(headerOp, "PURGE")
		msg.Header.Set(headerRollup, "sub")
	} else {
		body, err := json.Marshal(w.value)
		if err != nil {
			return 0, err
		}
		msg.Data = body
	}
	ack, err := s.js.PublishMsg(ctx, msg, jetstream.WithExpectLastSequence(expect))
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
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
	st, err := s.js.Stream(ctx, streamState)
	if err != nil {
		return nil, 0, err
	}
	last := st.CachedInfo().State.LastSeq
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
