package identity_test

import (
	"context"
	"strings"
	"testing"

	"github.com/oneping/oneping/edge/identity"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/proto"
)

// A connector that was revoked stays out by each way in: with its certificate, with an expired one,
// with its key and a good token.
func TestRevokedConnectorIsRefused(t *testing.T) {
	c := newClock()
	e := newEdge(t, t.TempDir(), c)
	if _, err := e.store.CreateTunnel(t.Context(), "lab"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	n := newNode(proto.RoleConnector, dir, c, e.tunnelToken(t, "lab", false))
	if err := enrol(t, n); err != nil {
		t.Fatal(err)
	}
	id, _ := n.Identity()
	csr, err := n.Request(c.now().Add(identity.CertificateLife / 2))
	if err != nil || csr == nil {
		t.Fatalf("request: %v", err)
	}
	if _, err := e.store.RevokeConnector(t.Context(), id.ID); err != nil {
		t.Fatal(err)
	}
	gone := "connector " + id.ID + " was revoked"
	err = dial(t, e, n)
	refused(t, err, proto.CodeRevoked, gone)
	n.LinkEnded(err)
	refused(t, dial(t, e, n), proto.CodeRevoked, gone) // it enrols with the key that it has
	e.log(t, "enrolment refused", gone)
	if _, err := e.authority.Renew(id, csr.CSR); err == nil || err.Error() != gone {
		t.Errorf("renewal: %v", err)
	}
	c.forward(2 * identity.CertificateLife)
	refused(t, enrol(t, newNode(proto.RoleConnector, dir, c, e.tunnelToken(t, "lab", false))), proto.CodeRevoked, gone)
}

// A node that was revoked and is given a token that was made since enrols anew, as another one, whether
// its certificate has expired or not, at a start and while it runs: what the hint says. The token with
// which it enrolled does not do that.
func TestRevokedNodeReturns(t *testing.T) {
	for _, role := range []proto.Role{proto.RoleConnector, proto.RoleClient} {
		for name, tt := range map[string]struct{ expired, running bool }{"at a start": {}, "expired": {expired: true}, "running": {running: true}} {
			t.Run(string(role)+" "+name, func(t *testing.T) {
				if tt.running && role == proto.RoleClient { // whose token file is read at a start alone
					return
				}
				c := newClock()
				e := newEdge(t, t.TempDir(), c)
				if _, err := e.store.CreateTunnel(t.Context(), "lab"); err != nil {
					t.Fatal(err)
				}
				token := func() proto.Token {
					if role == proto.RoleClient {
						return e.deviceToken(t, "alice@example.com")
					}
					return e.tunnelToken(t, "lab", true)
				}
				dir, tok := t.TempDir(), token()
				n := node.New(node.Config{Role: role, StateDir: dir, Now: c.now, TokenSource: func(context.Context) (proto.Token, bool, error) { return tok, true, nil }})
				if err := enrol(t, n); err != nil {
					t.Fatal(err)
				}
				first, _ := n.Identity()
				if _, err := e.store.RevokeConnector(t.Context(), first.ID); role == proto.RoleConnector && err != nil {
					t.Fatal(err)
				}
				if role == proto.RoleClient {
					if err := e.store.RevokeDevice(t.Context(), first.ID); err != nil {
						t.Fatal(err)
					}
				}
				err := dial(t, e, n)
				refused(t, err, proto.CodeRevoked, first.ID+" was revoked")
				n.LinkEnded(err)
				if tt.expired {
					c.forward(2 * identity.CertificateLife)
				}
				refused(t, dial(t, e, n), proto.CodeRevoked, first.ID+" was revoked") // with the token that it has
				tok = token()
				if !tt.running {
					n = newNode(role, dir, c, tok)
					if err := enrol(t, n); err != nil {
						t.Fatal(err)
					}
					if err := dial(t, e, n); err != nil { // the first says to a connector that it was revoked
						n.LinkEnded(err)
					}
				}
				if err := dial(t, e, n); err != nil {
					t.Fatalf("with a new token: %v", err)
				}
				second, _ := n.Identity()
				if second.ID == first.ID || second.Role != role {
					t.Errorf("it is %s, and was %s", second, first)
				}
				again := newNode(role, dir, c, tok)
				if err := enrol(t, again); err != nil {
					t.Fatal(err)
				}
				if id, _ := again.Identity(); id != second || dial(t, e, again) != nil {
					t.Errorf("after a start it is %s, want %s", id, second)
				}
			})
		}
	}
}

// TestRevokedHint: what a revoked node is told to do is what lets it in again.
func TestRevokedHint(t *testing.T) {
	c := newClock()
	e := newEdge(t, t.TempDir(), c)
	if _, err := e.store.CreateTunnel(t.Context(), "lab"); err != nil {
		t.Fatal(err)
	}
	for role, want := range map[proto.Role]string{
		proto.RoleConnector: "oneping tunnel token NAME --rotate",
		proto.RoleClient:    "oneping device token --user USER",
	} {
		tok := e.tunnelToken(t, "lab", false)
		if role == proto.RoleClient {
			tok = e.deviceToken(t, "alice@example.com")
		}
		n := newNode(role, t.TempDir(), c, tok)
		if err := enrol(t, n); err != nil {
			t.Fatal(err)
		}
		id, _ := n.Identity()
		csr, err := n.Request(c.now().Add(identity.CertificateLife / 2))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.store.RevokeConnector(t.Context(), id.ID); role == proto.RoleConnector && err != nil {
			t.Fatal(err)
		}
		if role == proto.RoleClient {
			if err := e.store.RevokeDevice(t.Context(), id.ID); err != nil {
				t.Fatal(err)
			}
		}
		_, err = e.authority.Renew(id, csr.CSR)
		if got := advice.Of(err); got != "to let it in again, make a new token on the edge, "+want+", and start it with --token-file" {
			t.Errorf("%s: %v, hint %q", role, err, got)
		}
	}
}

// A second connector of a tunnel is a warning with the way to be rid of it, the first is not; who
// asks twice is not new.
func TestNewConnectorIsSaid(t *testing.T) {
	c := newClock()
	e := newEdge(t, t.TempDir(), c)
	if _, err := e.store.CreateTunnel(t.Context(), "lab"); err != nil {
		t.Fatal(err)
	}
	tok, second := e.tunnelToken(t, "lab", false), t.TempDir()
	for _, dir := range []string{t.TempDir(), second} {
		if err := enrol(t, newNode(proto.RoleConnector, dir, c, tok)); err != nil {
			t.Fatal(err)
		}
	}
	if err := enrol(t, newNode(proto.RoleConnector, second, c, e.tunnelToken(t, "lab", true))); err != nil {
		t.Fatal(err)
	}
	said := e.logs.FilterMessage("a new connector of lab").All()
	if len(said) != 2 || said[0].Level.String() != "info" || said[1].Level.String() != "warn" {
		t.Fatalf("said: %+v", said)
	}
	for _, entry := range said {
		f := entry.ContextMap()
		id, ok := f["identity"].(string)
		if !ok || f["hostname"] == "" || f["remote"] == "" {
			t.Errorf("fields: %v", f)
			continue
		}
		name := id[strings.LastIndex(id, "/")+1:]
		if f["hint"] != "if it is not yours: oneping connector revoke "+name {
			t.Errorf("hint %q of %s", f["hint"], id)
		}
	}
}
