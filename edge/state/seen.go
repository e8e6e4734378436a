package state

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// SeenStep is how coarse "last seen" is in the store: a node that stays connected is
// written at most this often. This process knows better.
const SeenStep = 5 * time.Minute

// sighting is when a node was last seen, and the last such time that the store has. heard is when
// this process was told of it last, by its own stopwatch.
type sighting struct{ at, stored, heard time.Time }

// Seen returns when a device or connector was last seen: exactly where that was in this
// process's life, else at most SeenStep too early; zero for never.
func (s *Store) Seen(id string) time.Time {
	s.seenMu.Lock()
	defer s.seenMu.Unlock()
	return s.seen[id].at
}

// Touch notes that a device or connector is there. It writes only every SeenStep.
func (s *Store) Touch(ctx context.Context, id string) error {
	sn := s.Snapshot()
	if sn == nil {
		return ErrNotReady
	}
	_, device := sn.Devices[id]
	if _, connector := sn.Connectors[id]; !device && !connector {
		return nil // deleted meanwhile: nothing of it stays
	}
	now := s.cfg.Now().UTC()
	x := s.current.Load()
	if !s.sight(id, now, x != nil && s.health.look() == nil) {
		return nil
	}
	if _, err := x.seenKV.PutString(ctx, id, now.Format(time.RFC3339)); err != nil {
		return fmt.Errorf("note that %s was seen: %w", id, err)
	}
	return nil
}

// sight notes that a node is there now, and says whether that is to be written, where it can be. What
// a clock that was ahead has written is written anew.
func (s *Store) sight(id string, now time.Time, writable bool) bool {
	s.seenMu.Lock()
	defer s.seenMu.Unlock()
	last := s.seen[id]
	last.heard, last.at = s.elapsed(), now
	due := writable && now.Sub(last.stored).Abs() >= SeenStep
	if due {
		last.stored = now
	}
	s.seen[id] = last
	return due
}

// hear notes that this process has heard of a node just now.
func (s *Store) hear(id string) {
	s.seenMu.Lock()
	defer s.seenMu.Unlock()
	last := s.seen[id]
	last.heard = s.elapsed()
	s.seen[id] = last
}

// forgetSeen deletes when a node that is gone was seen.
func (s *Store) forgetSeen(ctx context.Context, id string) error {
	x, err := s.writable(ctx, 0)
	if err != nil {
		return err
	}
	return x.seenKV.Purge(ctx, id)
}

// followSeen keeps the times that other edges, and earlier runs, wrote.
func (s *Store) followSeen(ctx context.Context, x *session) error {
	w, err := x.seenKV.WatchAll(ctx)
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
	t, err := time.Parse(time.RFC3339, string(e.Value()))
	if err != nil {
		return
	}
	last := s.seen[e.Key()]
	last.heard = s.elapsed()
	if t.After(last.at) && (last.at.IsZero() || !t.After(s.cfg.Now())) { // what we saw is truer than a time to come
		last.at = t
	}
	if t.After(last.stored) {
		last.stored = t
	}
	s.seen[e.Key()] = last
}
