package identity

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/process"
)

// Rekeyed says what a new secret, and perhaps a new authority, have cost.
type Rekeyed struct {
	TunnelTokens int `json:"tunnel_tokens"` // that are useless now
	DeviceTokens int `json:"device_tokens"`
	Connectors   int `json:"connectors"` // that must enrol anew; 0 where the authority stays
	Devices      int `json:"devices"`
}

// Rekey makes a new secret, from which the secrets of tunnel tokens follow, and every unused token
// useless; with authority a new key for the authority, too, which puts every node out. The store
// runs, and nobody has called Load or will: the files may be damaged, or missing. A Rekey that was
// interrupted is made good by another one.
//
// Who has a copy of the files can derive the tokens of tunnels from the secret, and sign
// certificates with the authority's key: with these he can pose as the edge to nodes whose traffic
// he gets hold of. He cannot pose as a node: the edge compares each node's key with the one that it
// enrolled with.
func (a *Authority) Rekey(ctx context.Context, authority bool) (r Rekeyed, err error) {
	if r.TunnelTokens, r.DeviceTokens, err = a.cfg.Store.VoidTokens(ctx); err != nil {
		return r, fmt.Errorf("void tokens: %w", err)
	}
	if authority {
		if r.Connectors, r.Devices, err = a.cfg.Store.RevokeAll(ctx); err != nil {
			return r, fmt.Errorf("put nodes out: %w", err)
		}
		if err := a.newAuthority(); err != nil {
			return r, err
		}
	}
	if err := a.renewSecret(); err != nil {
		return r, err
	}
	detail := fmt.Sprintf("%d tunnel tokens, %d device tokens, %d connectors, %d devices", r.TunnelTokens, r.DeviceTokens, r.Connectors, r.Devices)
	return r, a.cfg.Store.Audit(ctx, state.AuditEvent{Actor: fmt.Sprintf("uid %d", os.Geteuid()), Action: "edge rekey", Detail: detail})
}

// newAuthority replaces the authority's key. Its certificate goes first: one that is missing is made
// from the key that is there, whichever that is.
func (a *Authority) newAuthority() error {
	if err := os.Remove(a.path(certFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fileError(a.path(certFile), err, adviceOwner)
	}
	key, err := newKey()
	if err != nil {
		return err
	}
	if err := process.WriteFile(a.path(keyFile), key, 0o600); err != nil {
		return fileError(a.path(keyFile), err, adviceOwner)
	}
	if err := a.loadKey(); err != nil {
		return err
	}
	return a.loadCertificate(func() error { return nil }) // it is missing on purpose
}
