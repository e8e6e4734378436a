package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/advice"
)

// write is what one change does to one key; a nil value deletes it.
type write struct {
	key   string
	value any
}

// copies is how often a value is on disk: in the store, in the journal, and in a snapshot that is
// written anew.
const copies = 3

// body returns the value as it is stored, nil to delete the key.
func (w write) body() ([]byte, error) {
	if w.value == nil {
		return nil, nil
	}
	return json.Marshal(w.value)
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
// again. On return the write is on disk and Snapshot contains it. Where the disk
// does not take it the error is ErrUnwritable, at once, and nothing has changed.
func (s *Store) change(ctx context.Context, decide func(*model.Snapshot) (write, error)) error {
	return s.changeOn(ctx, s.Snapshot, decide)
}

// changeStored is change where what is held does not count: it writes that.
func (s *Store) changeStored(ctx context.Context, decide func(*model.Snapshot) (write, error)) error {
	return s.changeOn(ctx, s.stored.Load, decide)
}

func (s *Store) changeOn(ctx context.Context, latest func() *model.Snapshot, decide func(*model.Snapshot) (write, error)) error {
	sn := latest()
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
		body, err := w.body()
		if err != nil {
			return err
		}
		x, err := s.writable(ctx, copies*len(body))
		if err != nil {
			return s.storeError("write "+keyText(w.key)+" to store", err)
		}
		seq, err := x.write(ctx, w.key, body, expect)
		if err == nil {
			return s.acknowledge(ctx, x, w, seq)
		}
		if !isConflict(err) {
			return s.storeError("write "+keyText(w.key)+" to store", err)
		}
		if expect, err = s.settle(ctx, x); err != nil {
			return s.storeError("write "+keyText(w.key)+" to store", err)
		}
		sn = latest()
	}
}

// acknowledge returns nil once everything up to revision seq is in the journal and in Snapshot.
func (s *Store) acknowledge(ctx context.Context, x *session, w write, seq uint64) error {
	if err := s.await(ctx, seq); err != nil {
		return err
	}
	if x.journal.Revision() < seq {
		return &advice.Error{
			Text:   "write " + keyText(w.key) + ": it is in force, but could not be written to the journal beside the store",
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
// the revision that the next write must expect. It is beyond the snapshot's
// where somebody removed the last entries with a NATS tool: nothing will ever
// show them.
func (s *Store) settle(ctx context.Context, x *session) (uint64, error) {
	was := s.Snapshot().Revision
	st, err := x.js.Stream(ctx, streamState)
	if err != nil {
		return 0, err
	}
	last := st.CachedInfo().State.LastSeq
	if last < was {
		return 0, &advice.Error{
			Text:   fmt.Sprintf("the store is at revision %d, this edge has acknowledged %d", last, was),
			Advice: "the cluster was restored from an older copy: restore its newest, then restart the edge",
		}
	}
	wait, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	err = s.await(wait, last)
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if err != nil {
		return last, nil
	}
	return s.Snapshot().Revision, nil
}

// await waits for a snapshot that contains everything up to revision.
func (s *Store) await(ctx context.Context, revision uint64) error {
	for {
		changed := s.Changed()
		if s.Snapshot().Revision >= revision {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for store: %w", context.Cause(ctx))
		}
	}
}
