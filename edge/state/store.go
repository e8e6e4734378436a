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
	"golang.org/x/sync/errgroup"

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
	Rest             time.Duration    // for how long a revoked device's addresses are kept at least; 0 = an hour
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
	begun sync.Once // closes ready

	stored atomic.Pointer[model.Snapshot] // as it is on disk
	snap   atomic.Pointer[model.Snapshot] // with what is held laid over it

	current atomic.Pointer[session] // nil: not open, or opened again just now
	health  health
	clock   *clock
	held    holding
	unsaid  unwritten

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at each new snapshot
	// reserved are addresses of the edge's own that it has chosen itself.
	reserved []netip.Addr

	began  time.Time // by elapsed
	seenMu sync.Mutex
	seen   map[string]sighting // by id of device or connector
}

// reopenEvery is how often a store is opened again at most.
const reopenEvery = time.Second

// reopenDamaged is how often one that has come back damaged is tried again: somebody has to mend it.
const reopenDamaged = 30 * time.Second

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
	if cfg.Rest == 0 {
		cfg.Rest = defaultRest
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
		health:  health{dir: cfg.Dir, now: cfg.Now, log: cfg.Log},
		clock:   newClock(cfg.Now, cfg.Elapsed, cfg.Log),
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
	watching, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { s.watchDisk(watching) })
	defer watch.Wait()
	defer cancel()
	if s.cfg.Remote.URL == "" {
		return s.serveEmbedded(ctx)
	}
	return s.session(ctx)
}

// serveEmbedded runs one session after the other, until ctx ends or one fails that the disk is not
// to blame for.
func (s *Store) serveEmbedded(ctx context.Context) error {
	for {
		pause := time.NewTimer(reopenEvery)
		err := s.session(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !errors.Is(err, errFault) {
			why := s.health.blame(err)
			switch serves := s.stored.Load() != nil; {
			case serves && why == err: // it came back damaged: traffic goes on, and people are told
				s.health.close(err)
				pause.Reset(reopenDamaged)
			case serves:
			case why == err:
				return err
			case !s.recall():
				return fmt.Errorf("open store: %w", why)
			}
		}
		s.cfg.Log.Warn("the store is opened again when its disk allows it", zap.Error(err))
		if err := s.awaitDisk(ctx, pause); err != nil {
			return err
		}
	}
}

// awaitDisk waits until the disk can be written, and for pause at least.
func (s *Store) awaitDisk(ctx context.Context, pause *time.Timer) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-pause.C:
			pause.Reset(reopenEvery)
		}
		if s.health.disk() == nil {
			return nil
		}
	}
}

// session opens the store and serves until that ends.
func (s *Store) session(ctx context.Context) error {
	ev, err := readEvidence(s.cfg.Dir)
	if err != nil {
		return err
	}
	if err := s.checkBlocks(ev); err != nil {
		return err
	}
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	err = s.serve(ctx, c, ev)
	if c.server != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		c.server = nil // it would not end either
		return s.advise(fmt.Errorf("open store: %s is damaged: it does not answer: %w", s.place(), err))
	}
	return err
}

// connection is a connection to NATS.
type connection struct {
	nc     *nats.Conn
	server *embedded // that is at its other end; nil: an external one
}

// connect starts the embedded server, or dials the external one.
func (s *Store) connect(ctx context.Context) (*connection, error) {
	if s.cfg.Remote.URL != "" {
		nc, err := s.cfg.Remote.dial(ctx, s.cfg.Log)
		if err != nil {
			return nil, err
		}
		return &connection{nc: nc}, nil
	}
	e, err := startEmbedded(ctx, s.cfg.Dir, s.cfg.Log)
	if err != nil {
		return nil, s.advise(err)
	}
	nc, err := e.connect()
	if err != nil {
		e.stop()
		return nil, fmt.Errorf("connect to embedded store: %w", err)
	}
	return &connection{nc: nc, server: e}, nil
}

// close ends what connect has begun.
func (c *connection) close() {
	c.nc.Close()
	if c.server != nil {
		c.server.stop()
	}
}

// serve is one session.
func (s *Store) serve(ctx context.Context, c *connection, ev *journal.Evidence) error {
	defer s.current.Store(nil)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	x, w, found, err := s.read(ctx, c, ev)
	if err != nil {
		return err
	}
	defer func() { _ = w.Stop() }()
	if x.journal, err = s.keep(ev, found); err != nil {
		return err
	}
	defer func() { _ = x.journal.Close() }()
	s.checkAudit(ctx, x, ev)
	defer func() { s.note(x, nil) }() // the end of the audit log
	s.begin(x, found.draft.snapshot())
	g, watching := errgroup.WithContext(ctx)
	g.Go(func() error { return s.follow(watching, x, w, found.draft) })
	g.Go(func() error { return s.followSeen(watching, x) })
	g.Go(func() error { return x.guard(watching) })
	err = g.Wait()
	if ctx.Err() != nil { // a watcher ends with ctx, before watching has heard of it
		return context.Cause(ctx)
	}
	return err
}

// read opens what is stored and reads all of it; the watcher then goes on with what comes.
func (s *Store) read(ctx context.Context, c *connection, ev *journal.Evidence) (*session, jetstream.KeyWatcher, *loaded, error) {
	x, state, err := s.open(ctx, c, ev)
	if err != nil {
		return nil, nil, nil, err
	}
	w, err := state.WatchAll(ctx)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("watch store: %w", err)
	}
	found, err := s.load(ctx, x, w, ev)
	if err != nil {
		_ = w.Stop()
		return nil, nil, nil, err
	}
	return x, w, found, nil
}

// begin makes x the session that is written in, now that all it has stored is known: sn.
func (s *Store) begin(x *session, sn *model.Snapshot) {
	s.health.close(nil)
	s.current.Store(x)
	s.publish(sn)
	s.begun.Do(func() {
		s.clock.opened(sn)
		close(s.ready)
	})
}

// publish makes stored, with what is held laid over it, the newest snapshot and wakes all who wait.
func (s *Store) publish(stored *model.Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored.Store(stored)
	s.snap.Store(s.held.over(stored))
	close(s.changed)
	s.changed = make(chan struct{})
}

// publishAgain makes a new snapshot where what is held has changed.
func (s *Store) publishAgain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snap.Store(s.held.over(s.stored.Load()))
	close(s.changed)
	s.changed = make(chan struct{})
}
