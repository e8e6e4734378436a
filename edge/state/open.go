package state

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/oneping/oneping/edge/state/journal"
	"github.com/oneping/oneping/internal/advice"
)

// open opens the buckets and the audit stream, and makes those that are missing. What is there stays
// as it is: replicas, limits and placement of an external store are its operator's to choose, and a
// start that named its own would reshape the store.
//
// The bucket of the state is not made anew where ev says that there was one.
func (s *Store) open(ctx context.Context, c *connection, ev *journal.Evidence) (*session, jetstream.KeyValue, error) {
	js, prefix, err := s.cfg.Remote.jetStream(c.nc)
	if err != nil {
		return nil, nil, fmt.Errorf("open store: %w", err)
	}
	if ev.Revision > 0 {
		if _, err := js.KeyValue(ctx, bucketState); errors.Is(err, jetstream.ErrBucketNotFound) {
			return nil, nil, s.less(ev, ev.Compare(&journal.Store{}))
		}
	}
	state, err := bucket(ctx, js, bucketOf(bucketState, stateDescription))
	if err != nil {
		return nil, nil, s.storeError("open store", err)
	}
	seen, err := bucket(ctx, js, bucketOf(bucketSeen, seenDescription))
	if err != nil {
		return nil, nil, s.storeError("open store", err)
	}
	err = stream(ctx, js, jetstream.StreamConfig{
		Name: streamAudit, Subjects: []string{subjAudit}, Storage: jetstream.FileStorage,
		MaxAge: 365 * 24 * time.Hour, MaxBytes: 1 << 30, Discard: jetstream.DiscardOld,
	})
	if err != nil {
		return nil, nil, s.storeError("open audit log", err)
	}
	x := &session{js: js, prefix: prefix, seenKV: seen, server: c.server, health: &s.health, broken: make(chan struct{})}
	return x, state, nil
}

// What is said of the buckets where they are listed.
const (
	stateDescription = "oneping: desired state"
	seenDescription  = "oneping: when nodes were last seen"
)

// bucketOf returns how a bucket is made.
func bucketOf(name, description string) jetstream.KeyValueConfig {
	return jetstream.KeyValueConfig{Bucket: name, Description: description, History: 1, Storage: jetstream.FileStorage}
}

// bucket opens a bucket; one that is missing is made as cfg says.
func bucket(ctx context.Context, js jetstream.JetStream, cfg jetstream.KeyValueConfig) (jetstream.KeyValue, error) {
	kv, err := js.KeyValue(ctx, cfg.Bucket)
	if !errors.Is(err, jetstream.ErrBucketNotFound) {
		return kv, err
	}
	kv, err = js.CreateKeyValue(ctx, cfg)
	if errors.Is(err, jetstream.ErrBucketExists) { // another edge, or its operator, was first
		return js.KeyValue(ctx, cfg.Bucket)
	}
	return kv, err
}

// stream looks for a stream; one that is missing is made as cfg says.
func stream(ctx context.Context, js jetstream.JetStream, cfg jetstream.StreamConfig) error {
	_, err := js.Stream(ctx, cfg.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = js.CreateStream(ctx, cfg)
	}
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another edge, or its operator, was first
		return nil
	}
	return err
}

// storeError says what to look at when JetStream does not answer. The one inside this process has no
// settings to look at.
func (s *Store) storeError(what string, err error) error {
	text := fmt.Sprintf("%s: %v", what, err)
	switch {
	case s.cfg.Remote.URL == "":
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount), errors.Is(err, nats.ErrNoResponders):
		return &advice.Error{Text: text, Advice: "enable JetStream there for this account, or name its domain in store.domain", Cause: err}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return &advice.Error{Text: text, Advice: "does the cluster have a quorum, and may this user use JetStream there?", Cause: err}
	}
	return fmt.Errorf("%s: %w", what, err)
}
