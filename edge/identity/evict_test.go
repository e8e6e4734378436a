package identity_test

import (
	"strings"
	"testing"

	"github.com/oneping/oneping/edge/identity"
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
	refused(t, enrol(t, newNode(proto.RoleConnector, dir, c, e.tunnelToken(t, "lab", true))), proto.CodeRevoked, gone)
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
