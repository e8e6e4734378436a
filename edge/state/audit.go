package state

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
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

// Audit appends an event; Time is set here.
func (s *Store) Audit(ctx context.Context, e AuditEvent) error {
	if s.Snapshot() == nil {
		return ErrNotReady
	}
	e.Time = s.cfg.Now().UTC()
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode audit event: %w", err)
	}
	if _, err := s.js.Publish(ctx, subjAudit, body); err != nil {
		return fmt.Errorf("write audit event: %w", err)
	}
	return nil
}

// AuditLog returns the last n events, oldest first.
func (s *Store) AuditLog(ctx context.Context, n int) ([]AuditEvent, error) {
	if s.Snapshot() == nil {
		return nil, ErrNotReady
	}
	st, err := s.js.Stream(ctx, streamAudit)
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
