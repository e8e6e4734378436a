package state

import (
	"bytes"
	"context"
	"crypto/subtle"
	"fmt"
	"time"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/proto"
)

// CreateToken stores the record of a token that was just made.
func (s *Store) CreateToken(ctx context.Context, t model.Token) error {
	return s.change(ctx, func(sn *model.Snapshot) (write, error) {
		if _, taken := sn.Tokens[t.ID]; taken {
			return write{}, fmt.Errorf("create token %s: the id is taken", t.ID)
		}
		if t.Kind == string(proto.TokenTunnel) {
			if _, ok := sn.Tunnels[t.Tunnel]; !ok {
				return write{}, NotFound(NoTunnel, t.Tunnel)
			}
		}
		return write{keyToken(t.ID), t}, nil
	})
}

// UseToken checks a token and, when it is a device token, uses it up for the
// node with that key: the write succeeds for one node only. The same key may
// ask again, because an answer can get lost. A refusal is a *Refusal and ErrToken.
func (s *Store) UseToken(ctx context.Context, id string, hash, keyHash []byte) (model.Token, error) {
	var used model.Token
	err := s.change(ctx, func(sn *model.Snapshot) (write, error) {
		t, err := s.checkToken(sn, id, hash, keyHash)
		if err != nil {
			return write{}, err
		}
		used = t
		if t.Kind != string(proto.TokenDevice) || t.Used != nil {
			return write{}, errNothing
		}
		now := s.cfg.Now().UTC()
		t.Used, t.UsedBy, t.Device = &now, keyHash, proto.NewID()
		used = t
		return write{keyToken(id), t}, nil
	})
	return used, err
}

func (s *Store) checkToken(sn *model.Snapshot, id string, hash, keyHash []byte) (model.Token, error) {
	t, ok := sn.Tokens[id]
	now := s.cfg.Now()
	switch {
	case !ok || subtle.ConstantTimeCompare(t.Hash, hash) != 1:
		return model.Token{}, tokenRefused(TokenUnknown, 0)
	case t.Revoked:
		return model.Token{}, withdrawn(sn, &t)
	case t.Used != nil && !bytes.Equal(t.UsedBy, keyHash):
		return model.Token{}, tokenRefused(TokenUsed, now.Sub(*t.Used))
	case t.Expires != nil && now.After(*t.Expires):
		return model.Token{}, tokenRefused(TokenExpired, now.Sub(*t.Expires))
	case t.Expires != nil && t.Used == nil && t.Created.Sub(now) > clockBehind: // it would last for as long
		return model.Token{}, tokenRefused(TokenEarly, now.Sub(t.Created))
	}
	if t.Tunnel != "" {
		if _, ok := sn.Tunnels[t.Tunnel]; !ok {
			return model.Token{}, tokenRefused(TokenOrphaned, 0)
		}
	}
	return t, nil
}

// withdrawn says of a token that was revoked why: a newer one has its place, or nobody is to use it.
func withdrawn(sn *model.Snapshot, t *model.Token) error {
	switch {
	case t.Kind != string(proto.TokenTunnel):
		return tokenRefused(TokenWithdrawn, 0)
	case t.Cancelled:
		return &Refusal{Why: TokenCancelled, Object: sn.Tunnels[t.Tunnel].Name, text: textWithdrawn}
	}
	return tokenRefused(TokenRotated, 0)
}

// CancelToken makes a token that could still enrol somebody useless. Where that cannot be written
// this edge refuses it all the same, and the error is ErrHeld. It returns the token as it was; one
// that is of no use any more is a *Refusal.
func (s *Store) CancelToken(ctx context.Context, id string) (model.Token, error) {
	var was model.Token
	err := s.revoke(ctx, "token "+id, func(sn *model.Snapshot) (write, error) {
		t, ok := sn.Tokens[id]
		if !ok {
			return write{}, NotFound(NoToken, id)
		}
		was = t
		if t.Revoked {
			return write{}, errNothing
		}
		if _, enrolled := sn.Devices[t.Device]; enrolled {
			return write{}, tokenSpent(&t)
		} // else who used it may ask once more, for the device that it has not got yet
		t.Revoked, t.Cancelled = true, true
		return write{keyToken(id), t}, nil
	})
	return was, err
}

// RotateTunnelTokens makes every token of a tunnel (id) except keep ("" = none)
// useless for enrolment. Connectors that enrolled stay. It returns how many it took.
func (s *Store) RotateTunnelTokens(ctx context.Context, tunnel, keep string) (int, error) {
	for n := 0; ; n++ {
		found := false
		err := s.change(ctx, func(sn *model.Snapshot) (write, error) {
			for id, t := range sn.Tokens {
				if t.Tunnel == tunnel && id != keep && !t.Revoked {
					t.Revoked, found = true, true
					return write{keyToken(id), t}, nil
				}
			}
			found = false
			return write{}, errNothing
		})
		if err != nil || !found {
			return n, err
		}
	}
}

// TokenMemory is how long a device token is remembered after it was used or
// expired, so that a late use is refused with its true reason.
const TokenMemory = 30 * 24 * time.Hour

// ForgetTokens deletes device tokens that have been useless for TokenMemory. It returns how many:
// none while the clock is not to be trusted.
func (s *Store) ForgetTokens(ctx context.Context) (int, error) {
	sn := s.Snapshot()
	if sn == nil {
		return 0, ErrNotReady
	}
	if !s.clock.trusted() {
		return 0, nil
	}
	n, limit := 0, s.cfg.Now().Add(-TokenMemory)
	for id, t := range sn.Tokens {
		used := t.Used != nil && t.Used.Before(limit)
		expired := t.Expires != nil && t.Expires.Before(limit)
		if t.Kind != string(proto.TokenDevice) || !used && !expired {
			continue
		}
		if err := s.drop(ctx, keyToken(id)); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
