package state

import (
	"context"
	"errors"
	"maps"
	"sync"

	"go.uber.org/zap"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/advice"
)

// maxHeld bounds the changes that are in force and wait to be written.
const maxHeld = 1024

// ErrHeld is found (errors.Is) in what a revocation returns that is in force in this process and
// could not be written: it is written when the disk allows it, and lost if the process ends before.
var ErrHeld = errors.New("in force and not written yet")

// holding are the changes that take something away and are in force before they are written: whoever
// was put out stays out, whatever the disk does. The zero value holds nothing.
type holding struct {
	mu sync.Mutex
	// guarded by mu:
	changes []heldChange
	number  uint64 // of changes ever held
}

// heldChange is one of them. decide returns a write of a device, connector or token, or errNothing.
type heldChange struct {
	what   string // it is about, as people name it: "device ID"
	decide func(*model.Snapshot) (write, error)
}

func (h *holding) len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.changes)
}

// add holds a change, once. It says whether there was room.
func (h *holding) add(c heldChange) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, other := range h.changes {
		if other.what == c.what {
			return true
		}
	}
	if len(h.changes) >= maxHeld {
		return false
	}
	h.changes = append(h.changes, c)
	h.number++
	return true
}

// first returns the oldest, false where there is none.
func (h *holding) first() (heldChange, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.changes) == 0 {
		return heldChange{}, false
	}
	return h.changes[0], true
}

// drop forgets the oldest.
func (h *holding) drop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changes = h.changes[1:]
}

// over lays what is held over what is stored.
func (h *holding) over(stored *model.Snapshot) *model.Snapshot {
	h.mu.Lock()
	defer h.mu.Unlock()
	sn := *stored
	sn.Changed.Held = h.number
	for _, c := range h.changes {
		w, err := c.decide(&sn)
		if err != nil {
			continue // it is so already, or what it is about is gone
		}
		switch v := w.value.(type) {
		case model.Device:
			sn.Devices = with(sn.Devices, v.ID, v)
		case model.Connector:
			sn.Connectors = with(sn.Connectors, v.ID, v)
		case model.Token:
			sn.Tokens = with(sn.Tokens, v.ID, v)
		}
	}
	return &sn
}

func with[T any](m map[string]T, id string, v T) map[string]T {
	m = maps.Clone(m)
	m[id] = v
	return m
}

// revoke makes a change that takes something away. Where it cannot be written it is in force all the
// same, and the error (ErrHeld) says so.
func (s *Store) revoke(ctx context.Context, what string, decide func(*model.Snapshot) (write, error)) error {
	err := s.changeStored(ctx, decide) // said again, it is still not written
	if !errors.Is(err, ErrUnwritable) || !s.held.add(heldChange{what, decide}) {
		return err
	}
	s.publishAgain()
	return &advice.Error{
		Text:   what + " is shut out now, which could not be written: " + err.Error(),
		Advice: "it is written by itself when it can be; keep the edge running until then. " + advice.Of(err),
		Cause:  errors.Join(ErrHeld, err),
	}
}

// writeHeld writes what is held, oldest first, until something does not work.
func (s *Store) writeHeld(ctx context.Context) {
	for c, ok := s.held.first(); ok; c, ok = s.held.first() {
		err := s.changeStored(ctx, c.decide)
		var gone *Refusal
		if err != nil && !errors.As(err, &gone) {
			return // the disk again, which the log says, or another edge that writes: later
		}
		s.held.drop()
		s.cfg.Log.Info("what was held is written", zap.String("what", c.what))
		s.publishAgain()
	}
}
