package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
)

// AuditEvent is one line of the audit log: who changed what, or who was refused and why.
type AuditEvent struct {
	Time   time.Time `json:"time"`
	Actor  string    `json:"actor"`            // "uid 0", "device ID", an address
	Action string    `json:"action"`           // "tunnel create", "device revoke", "enrol refused"
	Object string    `json:"object,omitempty"` // what it was done to
	Detail string    `json:"detail,omitempty"`
	// Suppressed is how often the same happened since the last event of it, each time without an
	// event of its own.
	Suppressed uint64 `json:"suppressed,omitempty"`
}

// Audit appends an event; Time is set here. Where the disk does not take it, it waits in memory until
// that does.
func (s *Store) Audit(ctx context.Context, e AuditEvent) error {
	if s.Snapshot() == nil {
		return ErrNotReady
	}
	e.Time = s.cfg.Now().UTC()
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode audit event: %w", err)
	}
	err = s.writeEvent(ctx, body)
	if errors.Is(err, ErrUnwritable) {
		s.unsaid.add(body)
		return nil
	}
	return err
}

func (s *Store) writeEvent(ctx context.Context, body []byte) error {
	x, err := s.writable(ctx, 0)
	if err != nil {
		return err
	}
	msg := nats.NewMsg(subjAudit)
	msg.Data = body
	seq, err := x.publish(ctx, msg)
	if err != nil {
		return fmt.Errorf("write audit event: %w", err)
	}
	x.audited.Store(seq)
	return nil
}

// writeAudit writes the events that have waited for it.
func (s *Store) writeAudit(ctx context.Context) {
	events, lost := s.unsaid.take()
	if lost > 0 {
		s.cfg.Log.Error("audit events lost: too many waited for the disk", zap.Uint64("lost", lost))
	}
	for i, e := range events {
		if err := s.writeEvent(ctx, e); err != nil {
			s.unsaid.giveBack(events[i:], 0)
			return
		}
	}
}

// AuditLog returns the last n events, oldest first.
func (s *Store) AuditLog(ctx context.Context, n int) ([]AuditEvent, error) {
	if s.Snapshot() == nil {
		return nil, ErrNotReady
	}
	x, err := s.opened(ctx)
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	st, err := x.js.Stream(ctx, streamAudit)
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	info := st.CachedInfo().State
	var events []AuditEvent
	for seq := info.LastSeq; seq >= info.FirstSeq && seq > 0 && len(events) < n; seq-- {
		msg, err := st.GetMsg(ctx, seq)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("read audit log: %w", context.Cause(ctx))
		}
		if err != nil {
			continue // removed by its age, or damaged: the others can be read
		}
		var e AuditEvent
		if json.Unmarshal(msg.Data, &e) == nil {
			events = append(events, e)
		}
	}
	slices.Reverse(events)
	return events, nil
}
