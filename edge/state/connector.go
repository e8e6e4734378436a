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

// maxConnectors bounds the connectors of a tunnel: whoever has its token could fill the store otherwise.
const maxConnectors = 2048

// PutConnector stores a connector of a tunnel (id). One with the same key in the
// same tunnel is returned as it is: the connector asked twice, or it was
// revoked, which a second enrolment must not undo.
func (s *Store) PutConnector(ctx context.Context, r model.Connector) (model.Connector, error) {
	if r.ID == "" {
		r.ID = proto.NewID()
	}
	err := s.change(ctx, func(sn *model.Snapshot) (write, error) {
		known, err := place(sn, &r)
		switch {
		case err != nil:
			return write{}, err
		case known:
			return write{}, errNothing
		}
		r.Created = s.cfg.Now().UTC()
		return write{keyConnector(r.ID), r}, nil
	})
	return r, err
}

// place looks for a connector with r's key and returns it in r, or says whether there is room for r.
func place(sn *model.Snapshot, r *model.Connector) (known bool, err error) {
	if _, ok := sn.Tunnels[r.Tunnel]; !ok {
		return false, NotFound(NoTunnel, r.Tunnel)
	}
	enrolled := sn.ConnectorsOf(r.Tunnel)
	for _, old := range enrolled {
		if bytes.Equal(old.KeyHash, r.KeyHash) {
			*r = old
			return true, nil
		}
	}
	if len(enrolled) >= maxConnectors {
		return false, tokenRefused(ConnectorsFull, 0)
	}
	return false, nil
}

// ForgetConnectors deletes the connectors that were not seen for ConnectorLife and
// for which connected (may be nil) says no. It returns how many.
func (s *Store) ForgetConnectors(ctx context.Context, connected func(id string) bool) (int, error) {
	sn := s.Snapshot()
	if sn == nil {
		return 0, ErrNotReady
	}
	n, limit := 0, s.cfg.Now().Add(-ConnectorLife)
	for id, r := range sn.Connectors {
		last := s.Seen(id)
		if r.Created.After(limit) || last.After(limit) || r.LastSeen.After(limit) || connected != nil && connected(id) {
			continue
		}
		if err := s.drop(ctx, keyConnector(id)); err != nil {
			return n, err
		}
		if err := s.seenKV.Purge(ctx, id); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
