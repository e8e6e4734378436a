package state

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/process"
)

const (
	// lookEvery is how often the disk is looked at without being asked.
	lookEvery = 2 * time.Second
	// repeatEvery is how often the log says that the store still cannot be written.
	repeatEvery = time.Minute
	// reopenWait is for how long a change waits for a store that is opened again.
	reopenWait = 5 * time.Second
)

// ErrUnwritable is found (errors.Is) in what a change returns that could not be written because of
// the disk: nothing of it was kept. It works again by itself.
var ErrUnwritable = errors.New("the store cannot be written")

// Health is whether changes can be written. What was stored before is served either way.
type Health struct {
	Error string    `json:"error,omitempty"` // why they cannot; "" = they can
	Hint  string    `json:"hint,omitempty"`  // what to do about it
	Since time.Time `json:"since,omitzero"`
	// Held are the revocations that are in force and not written yet.
	Held int `json:"held,omitempty"`
}

// health watches the disk of the store. There is one for each Store, whoever writes there.
type health struct {
	dir string
	now func() time.Time
	log *zap.Logger

	mu sync.Mutex
	// guarded by mu:
	trouble error // why nothing can be written; nil: it can
	closed  error // why the store does not open again; nil: it is open, or has not been tried
	since   time.Time
	said    time.Time // when the log last said so
	told    bool      // the log's last word is that it cannot
}

// look tries whether the disk can be written and returns why not. Without trouble that is one system
// call; trouble ends with something that was written.
func (h *health) look() error { return h.lookFor(0) }

// lookFor is look before n bytes are written.
func (h *health) lookFor(n int) error {
	h.mu.Lock()
	troubled, closed := h.trouble != nil, h.closed
	h.mu.Unlock()
	err := process.Room(h.dir, n)
	if err == nil && troubled {
		err = process.TryWrite(h.dir)
	}
	if err == nil {
		err = closed
	}
	if n == 0 || err == nil || h.disk() != nil { // too little for this change may do for others
		h.note(err)
	}
	return err
}

// disk says whether the disk can be written, whatever else is wrong.
func (h *health) disk() error { return process.TryWrite(h.dir) }

// close notes why the store does not open; nil: it does.
func (h *health) close(why error) {
	h.mu.Lock()
	h.closed = why
	h.mu.Unlock()
	if why != nil {
		h.note(why)
	}
}

// blame is told of a write that has failed with err and returns why: what the disk says, where it
// still says so.
func (h *health) blame(err error) error {
	if no := process.TryWrite(h.dir); no != nil {
		h.note(no)
		return no
	}
	return err
}

// note takes what was found and logs what is new, or still so after a minute.
func (h *health) note(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now() // its monotonic part: the log does not hang on a clock that is set
	switch {
	case err == nil:
		h.since = time.Time{}
	case h.trouble == nil:
		h.since = h.now().UTC()
	}
	h.trouble = err
	switch {
	case err != nil && (h.said.IsZero() || now.Sub(h.said) >= repeatEvery):
		h.said, h.told = now, true
		h.log.Error("changes cannot be written; what is stored goes on being served", zap.Error(err), obs.Hint(err))
	case err == nil && h.told:
		h.told = false
		h.log.Info("changes can be written again")
	}
}

// state returns what is known.
func (h *health) state() (since time.Time, trouble error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.since, h.trouble
}

// unwritable makes of a fault of the disk what a change returns.
func unwritable(err error) error {
	return &advice.Error{Text: err.Error(), Advice: advice.Of(err), Cause: errors.Join(ErrUnwritable, err)}
}

// Health looks at the disk and says whether changes can be written.
func (s *Store) Health() Health {
	_ = s.health.look() // noted there
	since, trouble := s.health.state()
	h := Health{Since: since, Held: s.held.len()}
	if trouble != nil {
		h.Error, h.Hint = trouble.Error(), advice.Of(trouble)
	}
	return h
}

// watchDisk looks at the disk, and writes what waits for it, until ctx ends.
func (s *Store) watchDisk(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if s.health.look() == nil && s.current.Load() != nil {
			s.writeHeld(ctx)
			s.writeAudit(ctx)
		}
	}
}

// writable returns the session to write n bytes in, or why they cannot be written: at once, unless the
// store is being opened again.
func (s *Store) writable(ctx context.Context, n int) (*session, error) {
	if err := s.health.lookFor(n); err != nil {
		return nil, unwritable(err)
	}
	return s.opened(ctx)
}

// opened returns the session of now; it waits a while for one that is being opened again.
func (s *Store) opened(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, reopenWait)
	defer cancel()
	for {
		changed := s.Changed()
		if x := s.current.Load(); x != nil && !x.ended() {
			return x, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, unwritable(errors.New("the store is being opened again after a fault of its disk"))
		}
	}
}
