package state

import (
	"bytes"
	"context"
	"time"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/proto"
)

// ConnectorLife is how long a connector is remembered after it was last seen.
const ConnectorLife = 24 * time.Hour

// PutConnector stores a connector of a tunnel (id) that has shown the token r.Token. One with the
// same key in the same tunnel is returned with its id: the connector asked twice, or has a newer
// token now, or it was revoked, which a second enrolment must not undo. news says that it was not
// there before. Where the tunnel is full, one that has been away for AwayForGood makes room.
func (s *Store) PutConnector(ctx context.Context, r model.Connector) (_ model.Connector, news bool, err error) {
	if r.ID == "" {
		r.ID = proto.NewID()
	}
	asked := r
	for {
		var gone string
		r, news = asked, false
		err := s.change(ctx, func(sn *model.Snapshot) (write, error) {
			if t, ok := sn.Tokens[asked.Token]; ok && t.Revoked { // rotated since it was looked at
				return write{}, withdrawn(sn, &t)
			}
			tunnel, ok := sn.Tunnels[asked.Tunnel]
			if !ok {
				return write{}, NotFound(NoTunnel, asked.Tunnel)
			}
			enrolled := sn.ConnectorsOf(tunnel.ID)
			if old, ok := withKey(enrolled, asked.KeyHash); ok {
				r, news = old, false
				if old.Revoked || old.Token == asked.Token {
					return write{}, errNothing
				}
				r.Token = asked.Token
				return write{keyConnector(r.ID), r}, nil
			}
			if gone = s.makeRoom(tunnel, enrolled); gone != "" {
				return write{keyConnector(gone), nil}, nil
			}
			if live(enrolled) >= tunnel.Limit() {
				return write{}, connectorsFull(tunnel)
			}
			r, news = asked, true
			r.Created = s.cfg.Now().UTC()
			return write{keyConnector(r.ID), r}, nil
		})
		if err != nil || gone == "" {
			if news {
				s.hear(r.ID)
			}
			return r, news, err
		}
		if err := s.forgetSeen(ctx, gone); err != nil {
			return r, false, err
		}
	}
}

func withKey(connectors []model.Connector, hash []byte) (model.Connector, bool) {
	for _, c := range connectors {
		if bytes.Equal(c.KeyHash, hash) {
			return c, true
		}
	}
	return model.Connector{}, false
}

// live counts the connectors that have a place: revoked ones are kept only to be refused.
func live(connectors []model.Connector) int {
	n := 0
	for _, c := range connectors {
		if !c.Revoked {
			n++
		}
	}
	return n
}

// ForgetConnectors deletes the connectors that were not seen for ConnectorLife, by the clock and in
// the life of this process, and for which connected (may be nil) says no. It returns how many: none
// while the clock is not to be trusted.
func (s *Store) ForgetConnectors(ctx context.Context, connected func(id string) bool) (int, error) {
	sn := s.Snapshot()
	if sn == nil {
		return 0, ErrNotReady
	}
	if !s.clock.trusted() {
		return 0, nil
	}
	n, now := 0, s.cfg.Now()
	lately := func(t time.Time) bool { return t.After(now.Add(-ConnectorLife)) && !t.After(now) }
	for id, r := range sn.Connectors {
		if r.Revoked || lately(r.Created) || lately(s.Seen(id)) || lately(r.LastSeen) || connected != nil && connected(id) {
			continue
		}
		if s.silent(id) < ConnectorLife {
			continue
		}
		if err := s.drop(ctx, keyConnector(id)); err != nil {
			return n, err
		}
		if err := s.forgetSeen(ctx, id); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
