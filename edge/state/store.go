package state

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/state/journal"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/proto"
)

// Config is how a store is opened.
type Config struct {
	Dir    string // data directory of the edge; locked while Run runs
	Remote Remote // external NATS with JetStream; its zero value = embedded
	// Prefix4 and Prefix6 are where device addresses come from; used at the
	// first start, kept afterwards. Zero = 100.96.0.0/12 and a random unique local /64.
	Prefix4, Prefix6 netip.Prefix
	Reserved         []netip.Addr     // never given to a device: the edge's own
	Captured         int              // prefixes that clients capture beside the stored ones
	Now              func() time.Time // nil = time.Now
	// Elapsed is a clock that nobody sets: only differences of what it says are used. nil = the
	// monotonic reading of time.Now.
	Elapsed func() time.Time
	Log     *zap.Logger // nil = none
}

// Store is the edge's store. Its methods are safe for concurrent use; changes
// and Snapshot need a store that is Ready.
type Store struct {
	cfg   Config
	ready chan struct{}
	snap  atomic.Pointer[model.Snapshot]

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at each new snapshot

	began  time.Time // by elapsed
	seenMu sync.Mutex
	seen   map[string]sighting // by id of device or connector

	js      jetstream.JetStream // set before ready is closed, as what follows
	prefix  string              // of subjects that are written in another domain
	seenKV  jetstream.KeyValue
	journal *journal.Journal
}

// ErrNotReady is returned by changes of a store that does not run.
var ErrNotReady = errors.New("the store is not running")

// New returns a store that does nothing until Run.
func New(cfg Config) *Store {
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Elapsed == nil {
		cfg.Elapsed = time.Now
	}
	return &Store{
		cfg:     cfg,
		began:   cfg.Elapsed(),
		ready:   make(chan struct{}),
		changed: make(chan struct{}),
		seen:    make(map[string]sighting),
	}
}

// elapsed is now by the clock that nobody sets.
func (s *Store) elapsed() time.Time { return s.cfg.Elapsed() }

// Ready is closed once Snapshot returns the stored state.
func (s *Store) Ready() <-chan struct{} { return s.ready }

// Snapshot returns the newest state. It is nil before Ready and never after.
func (s *Store) Snapshot() *model.Snapshot { return s.snap.Load() }

// Changed returns a channel that is closed at the next new snapshot. Take it
// before Snapshot, or a change in between goes unnoticed.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Watch calls f with the current snapshot and then with each newer one (a
// burst may come as one) until ctx ends or f fails. It waits for Ready and never returns nil.
func (s *Store) Watch(ctx context.Context, f func(*model.Snapshot) error) error {
	if err := s.waitReady(ctx); err != nil {
		return err
	}
	for {
		changed := s.Changed()
		if err := f(s.Snapshot()); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *Store) waitReady(ctx context.Context) error {
	select {
	case <-s.ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Run opens the store, keeps Snapshot up to date and closes everything in
// order when ctx ends. It runs once and never returns nil.
func (s *Store) Run(ctx context.Context) error {
	f, err := process.LockDir(s.cfg.Dir, proto.RoleEdge)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	ev, err := readEvidence(s.cfg.Dir)
	if err != nil {
		return err
	}
	nc, closeStore, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer closeStore()
	return s.serve(ctx, nc, ev)
}

// connect starts the embedded server, or dials the external one. close ends what it has started.
func (s *Store) connect(ctx context.Context) (nc *nats.Conn, closeStore func(), err error) {
	if s.cfg.Remote.URL != "" {
		if nc, err = s.cfg.Remote.dial(ctx, s.cfg.Log); err != nil {
			return nil, nil, err
		}
		return nc, nc.Close, nil
	}
	e, err := startEmbedded(ctx, s.cfg.Dir, s.cfg.Log)
	if err != nil {
		return nil, nil, s.advise(err)
	}
	if nc, err = e.connect(); err != nil {
		e.stop()
		return nil, nil, fmt.Errorf("connect to embedded store: %w", err)
	}
	return nc, func() { nc.Close(); e.stop() }, nil
}

func (s *Store) serve(ctx context.Context, nc *nats.Conn, ev *journal.Evidence) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, found, err := s.read(ctx, nc, ev)
	if err != nil {
		return err
	}
	defer func() { _ = w.Stop() }()
	if err := s.keep(ev, found); err != nil {
		return err
	}
	defer func() { _ = s.journal.Close() }()
	s.publish(found.draft.snapshot())
	close(s.ready)
	errs := make(chan error, 2)
	go func() { errs <- s.follow(ctx, w, found.draft) }()
	go func() { errs <- s.followSeen(ctx) }()
	first := <-errs
	cancel()
	<-errs
	return first
}

// read opens what is stored and reads all of it; the watcher then goes on with what comes.
func (s *Store) read(ctx context.Context, nc *nats.Conn, ev *journal.Evidence) (jetstream.KeyWatcher, *loaded, error) {
	state, err := s.open(ctx, nc, ev)
	if err != nil {
		return nil, nil, err
	}
	w, err := state.WatchAll(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("watch store: %w", err)
	}
	found, err := s.load(ctx, w, ev)
	if err != nil {
		_ = w.Stop()
		return nil, nil, err
	}
	return w, found, nil
}

// publish makes sn the newest snapshot and wakes all who wait.
func (s *Store) publish(sn *model.Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snap.Store(sn)
	close(s.changed)
	s.changed = make(chan struct{})
}
