package state

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// SeenStep is how coarse "last seen" is: a node that stays connected is
// written at most this often.
const SeenStep = 5 * time.Minute

// Seen returns when a device or replica was last seen, at most SeenStep ago
// for one that is connected; zero for never.
func (s *Store) Seen(id string) time.Time {
	s.seenMu.Lock()
	defer s.seenMu.Unlock()
	return s.seen[id]
}

// TouchDevice notes that a device is there. It writes only every SeenStep.
func (s *Store) TouchDevice(ctx context.Context, id string) error { return s.touch(ctx, id) }

// TouchReplica notes that a connector is there. It writes only every SeenStep.
func (s *Store) TouchReplica(ctx context.Context, id string) error { return s.touch(ctx, id) }

func (s *Store) touch(ctx context.Context, id string) error {
	if s.Snapshot() == nil {
		return ErrNotReady
	}
	now := s.cfg.Now().UTC()
	s.seenMu.Lock()
	fresh := now.Sub(s.seen[id]) < SeenStep
	if !fresh {
		s.seen[id] = now
	}
	s.seenMu.Unlock()
	if fresh {
		return nil
	}
	if _, err := s.seenKV.PutString(ctx, id, now.Format(time.RFC3339)); err != nil {
		return fmt.Errorf("note that %s was seen: %w", id, err)
	}
	return nil
}

// followSeen keeps the times that other edges, and earlier runs, wrote.
func (s *Store) followSeen(ctx context.Context) error {
	w, err := s.seenKV.WatchAll(ctx)
	if err != nil {
		return fmt.Errorf("watch store: %w", err)
	}
	defer func() { _ = w.Stop() }()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case e, ok := <-w.Updates():
			if !ok {
				return watcherEnded(ctx)
			}
			if e != nil {
				s.noteSeen(e)
			}
		}
	}
}

func (s *Store) noteSeen(e jetstream.KeyValueEntry) {
	s.seenMu.Lock()
	defer s.seenMu.Unlock()
	if e.Operation() != jetstream.KeyValuePut {
		delete(s.seen, e.Key())
		return
	}
	if t, err := time.Parse(time.RFC3339, string(e.Value())); err == nil && t.After(s.seen[e.Key()]) {
		s.seen[e.Key()] = t
	}
}
