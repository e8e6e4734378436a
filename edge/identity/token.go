package identity

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

// IssueDeviceToken makes a token that enrols one device for user, once, within
// life (0 = DeviceTokenLife).
func (a *Authority) IssueDeviceToken(ctx context.Context, user string, life time.Duration) (proto.Token, error) {
	if err := model.CheckUser(user); err != nil {
		return proto.Token{}, refuse(proto.CodeRefused, "make device token: "+err.Error(), advice.Of(err))
	}
	if life < 0 {
		return proto.Token{}, refuse(proto.CodeRefused, fmt.Sprintf("make device token: a life of %s", life), "")
	}
	if life > MaxDeviceTokenLife {
		return proto.Token{}, refuse(proto.CodeRefused, fmt.Sprintf("make device token: a life of %s, and %s is the longest", life, MaxDeviceTokenLife),
			"it enrols one device, once: make it when that is at hand, and another one later")
	}
	if life == 0 {
		life = DeviceTokenLife
	}
	edges, err := a.edges()
	if err != nil {
		return proto.Token{}, err
	}
	t := proto.Token{Kind: proto.TokenDevice, Edges: edges, CA: a.pin[:], ID: proto.NewID(), Secret: make([]byte, 32)}
	_, _ = rand.Read(t.Secret)
	now := a.cfg.Now().UTC()
	expires := now.Add(life)
	err = a.cfg.Store.CreateToken(ctx, model.Token{
		ID: t.ID, Kind: string(t.Kind), Hash: secretHash(t.Secret), User: model.FoldUser(user), Created: now, Expires: &expires,
	})
	return t, err
}

// TunnelToken returns the token of a tunnel (name or id), which its connectors
// share: the present one, or a new one where there is none or rotate is set,
// which makes the earlier ones useless for enrolment.
func (a *Authority) TunnelToken(ctx context.Context, nameOrID string, rotate bool) (proto.Token, error) {
	sn := a.cfg.Store.Snapshot()
	if sn == nil {
		return proto.Token{}, state.ErrNotReady
	}
	tunnel, ok := sn.Tunnel(nameOrID)
	if !ok {
		return proto.Token{}, refuse(proto.CodeRefused, "tunnel "+nameOrID+" does not exist", "create it: oneping tunnel create "+nameOrID)
	}
	edges, err := a.edges()
	if err != nil {
		return proto.Token{}, err
	}
	t := proto.Token{Kind: proto.TokenTunnel, Edges: edges, CA: a.pin[:]}
	if !rotate {
		if t.ID, t.Secret, err = a.present(sn, tunnel.ID); err != nil || t.ID != "" {
			return t, err
		}
	}
	t.ID = proto.NewID()
	if t.Secret, err = a.tunnelSecret(t.ID); err != nil {
		return proto.Token{}, err
	}
	err = a.cfg.Store.CreateToken(ctx, model.Token{
		ID: t.ID, Kind: string(t.Kind), Hash: secretHash(t.Secret), Tunnel: tunnel.ID, Created: a.cfg.Now().UTC(),
	})
	if err == nil && rotate {
		_, err = a.cfg.Store.RotateTunnelTokens(ctx, tunnel.ID, t.ID)
	}
	return t, err
}

// tunnelSecret follows from the edge's secret and the token's id, so that the
// token can be printed again although the store keeps only a hash.
func (a *Authority) tunnelSecret(id string) ([]byte, error) { return a.derive("tunnel token "+id, 32) }

// present finds the newest good token of a tunnel that this edge made.
func (a *Authority) present(sn *model.Snapshot, tunnel string) (id string, secret []byte, err error) {
	var newest time.Time
	for _, t := range sn.Tokens {
		if t.Tunnel != tunnel || t.Revoked || id != "" && !t.Created.After(newest) {
			continue
		}
		s, err := a.tunnelSecret(t.ID)
		if err != nil {
			return "", nil, err
		}
		if bytes.Equal(secretHash(s), t.Hash) {
			id, secret, newest = t.ID, s, t.Created
		}
	}
	return id, secret, nil
}

// edges returns the addresses that go into a token.
func (a *Authority) edges() ([]string, error) {
	edges := a.cfg.Advertise()
	if len(edges) == 0 {
		return nil, refuse(proto.CodeRefused, "make token: this edge does not know under which address nodes reach it",
			"start it with --advertise HOST:PORT")
	}
	return edges, nil
}

func secretHash(secret []byte) []byte {
	h := sha256.Sum256(secret)
	return h[:]
}
