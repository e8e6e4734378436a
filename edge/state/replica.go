package state

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/oneping/oneping/proto"
)

// ReplicaLife is how long a replica is remembered after it was last seen.
const ReplicaLife = 24 * time.Hour

// maxReplicas bounds the connectors of a tunnel: whoever has its token could fill the store otherwise.
const maxReplicas = 2048

// PutReplica stores a connector of a tunnel (id). One with the same key in the
// same tunnel is returned as it is: the connector asked twice, or it was
// revoked, which a second enrolment must not undo.
func (s *Store) PutReplica(ctx context.Context, r Replica) (Replica, error) {
	if r.ID == "" {
		r.ID = proto.NewID()
	}
	err := s.change(ctx, func(sn *Snapshot) (write, error) {
		known, err := place(sn, &r)
		switch {
		case err != nil:
			return write{}, err
		case known:
			return write{}, errNothing
		}
		r.Created = s.cfg.Now().UTC()
		return write{keyReplica(r.ID), r}, nil
	})
	return r, err
}

// place looks for a connector with r's key and returns it in r, or says whether there is room for r.
func place(sn *Snapshot, r *Replica) (known bool, err error) {
	if _, ok := sn.Tunnels[r.Tunnel]; !ok {
		return false, notFound("tunnel "+r.Tunnel, "tunnel list")
	}
	replicas := sn.ReplicasOf(r.Tunnel)
	for _, old := range replicas {
		if bytes.Equal(old.KeyHash, r.KeyHash) {
			*r = old
			return true, nil
		}
	}
	if len(replicas) >= maxReplicas {
		return false, &TokenError{
			fmt.Sprintf("the tunnel has %d connectors already, those seen within a day included", maxReplicas),
			"does one of them start again and again without keeping its --state-dir? Rotate the token if it is in wrong hands: oneping tunnel token NAME --rotate",
		}
	}
	return false, nil
}

// RevokeReplica shuts one connector out; the edges end its links.
func (s *Store) RevokeReplica(ctx context.Context, id string) error {
	return s.change(ctx, func(sn *Snapshot) (write, error) {
		r, ok := sn.Replicas[id]
		if !ok {
			return write{}, notFound("connector "+id, "tunnel list")
		}
		if r.Revoked {
			return write{}, errNothing
		}
		r.Revoked = true
		return write{keyReplica(id), r}, nil
	})
}

// ForgetReplicas deletes the replicas that were not seen for ReplicaLife and
// for which connected (may be nil) says no. It returns how many.
func (s *Store) ForgetReplicas(ctx context.Context, connected func(id string) bool) (int, error) {
	sn := s.Snapshot()
	if sn == nil {
		return 0, ErrNotReady
	}
	n, limit := 0, s.cfg.Now().Add(-ReplicaLife)
	for id, r := range sn.Replicas {
		last := s.Seen(id)
		if r.Created.After(limit) || last.After(limit) || r.LastSeen.After(limit) || connected != nil && connected(id) {
			continue
		}
		if err := s.drop(ctx, keyReplica(id)); err != nil {
			return n, err
		}
		if err := s.seenKV.Purge(ctx, id); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
