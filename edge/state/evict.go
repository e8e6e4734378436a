package state

import (
	"context"
	"time"

	"github.com/oneping/oneping/edge/model"
)

// AwayForGood is for how long a connector must have been silent before another one that enrols may
// have its place in a full tunnel. It is measured by this process alone, as it goes: a clock that
// is set forward pushes nobody out, and a start begins it anew. An edge of a fleet hears of the
// others' connectors every SeenStep.
const AwayForGood = 3 * SeenStep

// makeRoom returns the id of the connector that has been silent for longest, and for AwayForGood,
// where the tunnel is full; else "".
func (s *Store) makeRoom(t model.Tunnel, enrolled []model.Connector) (id string) {
	if live(enrolled) < t.Limit() {
		return ""
	}
	longest := AwayForGood
	for _, c := range enrolled {
		if silent := s.silent(c.ID); !c.Revoked && silent >= longest {
			id, longest = c.ID, silent
		}
	}
	return id
}

// silent returns for how long this process has heard nothing of a node; at most since it began.
func (s *Store) silent(id string) time.Duration {
	s.seenMu.Lock()
	defer s.seenMu.Unlock()
	heard := s.seen[id].heard
	if heard.Before(s.began) {
		heard = s.began
	}
	return s.elapsed().Sub(heard)
}

// RevokeConnector shuts a connector out for good; the edges end its links. It stays known, so that
// its key does not enrol again. Where that cannot be written this edge does so all the same, and the
// error is ErrHeld. It returns the connector as it was.
func (s *Store) RevokeConnector(ctx context.Context, id string) (model.Connector, error) {
	var was model.Connector
	err := s.revoke(ctx, "connector "+id, func(sn *model.Snapshot) (write, error) {
		c, ok := sn.Connectors[id]
		if !ok {
			return write{}, NotFound(NoConnector, id)
		}
		was = c
		if c.Revoked {
			return write{}, errNothing
		}
		c.Revoked = true
		return write{keyConnector(id), c}, nil
	})
	return was, err
}

// EvictConnectors forgets the connectors of a tunnel (id) that have not enrolled with the token
// keep: the edges end their links, and who has that token enrols again. Revoked ones stay. It
// returns those that went.
func (s *Store) EvictConnectors(ctx context.Context, tunnel, keep string) ([]model.Connector, error) {
	var out []model.Connector
	for {
		var gone *model.Connector
		err := s.change(ctx, func(sn *model.Snapshot) (write, error) {
			gone = enrolledBefore(sn.ConnectorsOf(tunnel), keep)
			if gone == nil {
				return write{}, errNothing
			}
			return write{keyConnector(gone.ID), nil}, nil
		})
		if err != nil || gone == nil {
			return out, err
		}
		out = append(out, *gone)
	}
}

// enrolledBefore returns a connector that has not enrolled with the token, nil where there is none.
func enrolledBefore(connectors []model.Connector, token string) *model.Connector {
	for i := range connectors {
		if c := &connectors[i]; c.Token != token && !c.Revoked {
			return c
		}
	}
	return nil
}

// SetMaxConnectors changes how many connectors a tunnel (name or id) may have. Those that are
// enrolled stay.
func (s *Store) SetMaxConnectors(ctx context.Context, nameOrID string, n int) (model.Tunnel, error) {
	var changed model.Tunnel
	err := s.change(ctx, func(sn *model.Snapshot) (write, error) {
		t, ok := sn.Tunnel(nameOrID)
		if !ok {
			return write{}, NotFound(NoTunnel, nameOrID)
		}
		if err := CheckLimit(n); err != nil {
			return write{}, err
		}
		t.MaxConnectors = n
		changed = t
		return write{keyTunnel(t.ID), t}, nil
	})
	return changed, err
}

// CheckLimit says whether a tunnel may have n connectors: nil, or a *Refusal.
func CheckLimit(n int) error {
	if n < 1 || n > model.MostConnectors {
		return badLimit(n)
	}
	return nil
}
