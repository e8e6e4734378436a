package identity_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/oneping/oneping/edge/identity"
	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/proto"
)

// anew returns another authority on the files and the store of e, loaded where load is set.
func anew(t *testing.T, e *edge, dir string, c *clock, load bool) *identity.Authority {
	t.Helper()
	a := identity.New(identity.Config{Dir: dir, Store: e.store, Advertise: func() []string { return []string{e.addr} }, Now: c.now})
	if load {
		if err := a.Load(); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// copied copies the files of the authority: a stolen backup.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range []string{"ca.key", "ca.crt", "secret"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// After a rekey nobody enrols with what was in a backup, or with a token made before; who has
// enrolled stays. It works where the secret is damaged, or lost.
func TestRekey(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"whole":   func(string) error { return nil },
		"missing": os.Remove,
		"damaged": func(path string) error { return os.WriteFile(path, []byte("nothing"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			c, dir := newClock(), t.TempDir()
			e := newEdge(t, dir, c)
			if _, err := e.store.CreateTunnel(t.Context(), "lab"); err != nil {
				t.Fatal(err)
			}
			shared, once := e.tunnelToken(t, "lab", false), e.deviceToken(t, "alice")
			connector := newNode(proto.RoleConnector, t.TempDir(), c, shared)
			device := newNode(proto.RoleClient, t.TempDir(), c, e.deviceToken(t, "alice"))
			if err := enrol(t, connector); err != nil {
				t.Fatal(err)
			}
			if err := enrol(t, device); err != nil {
				t.Fatal(err)
			}
			stolen := copied(t, dir)
			if err := damage(filepath.Join(dir, "secret")); err != nil {
				t.Fatal(err)
			}
			r, err := anew(t, e, dir, c, false).Rekey(t.Context(), false)
			if want := (identity.Rekeyed{TunnelTokens: 1, DeviceTokens: 1}); err != nil || r != want {
				t.Fatalf("%+v, %v; want %+v", r, err, want)
			}
			refused(t, enrol(t, newNode(proto.RoleConnector, t.TempDir(), c, shared)), proto.CodeRefused, "the token was rotated")
			refused(t, enrol(t, newNode(proto.RoleClient, t.TempDir(), c, once)), proto.CodeRefused, "the token was withdrawn")
			tok, err := anew(t, e, dir, c, true).TunnelToken(t.Context(), "lab", false)
			if err != nil || tok.ID == shared.ID {
				t.Fatalf("the new token: %v, %v", tok.ID, err)
			}
			// The id of the new token is in the log; with the old secret it is worth nothing.
			thief := anew(t, e, stolen, c, true)
			guess, err := thief.TunnelToken(t.Context(), "lab", false)
			if err != nil || bytes.Equal(guess.Secret, tok.Secret) || guess.ID == tok.ID {
				t.Errorf("the thief's token is the edge's, %v", err)
			}
			if err := enrol(t, newNode(proto.RoleConnector, t.TempDir(), c, tok)); err != nil {
				t.Errorf("with the new token: %v", err)
			}
			for who, n := range map[string]error{"connector": dial(t, e, connector), "device": dial(t, e, device)} {
				if n != nil {
					t.Errorf("an enrolled %s: %v", who, n)
				}
			}
			events, err := e.store.AuditLog(t.Context(), 100)
			if err != nil || !hasAction(events, "edge rekey", "1 tunnel tokens, 1 device tokens, 0 connectors, 0 devices") {
				t.Errorf("audit: %+v, %v", events, err)
			}
		})
	}
}

// With a new authority nobody is let in who has not enrolled anew; then the key that a node has does.
func TestRekeyOfTheAuthority(t *testing.T) {
	c, dir := newClock(), t.TempDir()
	e := newEdge(t, dir, c)
	if _, err := e.store.CreateTunnel(t.Context(), "lab"); err != nil {
		t.Fatal(err)
	}
	connector := newNode(proto.RoleConnector, t.TempDir(), c, e.tunnelToken(t, "lab", false))
	device := newNode(proto.RoleClient, t.TempDir(), c, e.deviceToken(t, "alice"))
	for _, err := range []error{enrol(t, connector), enrol(t, device)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	core, logs := observer.New(zap.InfoLevel)
	r, err := identity.New(identity.Config{Dir: dir, Store: e.store, Now: c.now, Log: zap.New(core)}).Rekey(t.Context(), true)
	if logs.Len() != 0 {
		t.Errorf("the log says %v, nothing was missing", logs.All())
	}
	if want := (identity.Rekeyed{TunnelTokens: 1, Connectors: 1, Devices: 1}); err != nil || r != want {
		t.Fatalf("%+v, %v; want %+v", r, err, want)
	}
	after := anew(t, e, dir, c, true)
	if after.Pin() == e.authority.Pin() {
		t.Error("the authority is the one of before")
	}
	refused(t, dial(t, e, device), proto.CodeRevoked, "was revoked") // by the store alone, whichever authority it asks
	refused(t, dial(t, e, connector), proto.CodeRevoked, "is not known here")
}

// hasAction says whether an event of that action and detail is among events.
func hasAction(events []state.AuditEvent, action, detail string) bool {
	return slices.ContainsFunc(events, func(e state.AuditEvent) bool { return e.Action == action && e.Detail == detail })
}
