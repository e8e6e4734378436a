package identity_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/edge/identity"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/proto"
)

func TestDeviceEnrolsAndConnects(t *testing.T) {
	c := newClock()
	e := newEdge(t, t.TempDir(), c)
	dir := t.TempDir()
	tok := e.deviceToken(t, "alice@example.com")
	n := newNode(proto.RoleClient, dir, c, tok)
	if err := enrol(t, n); err != nil {
		t.Fatal(err)
	}
	id, ok := n.Identity()
	if !ok || id.Role != proto.RoleClient {
		t.Fatalf("identity %v", id)
	}
	if err := dial(t, e, n); err != nil {
		t.Fatalf("dial: %v", err)
	}
	d := e.store.Snapshot().Devices[id.ID]
	if d.User != "alice@example.com" || !d.Addr4.IsValid() || !d.Addr6.IsValid() {
		t.Errorf("device %+v", d)
	}
	// Started again with the same token file: nothing is used up, the identity stays.
	again := newNode(proto.RoleClient, dir, c, tok)
	if err := enrol(t, again); err != nil {
		t.Fatal(err)
	}
	if id2, _ := again.Identity(); id2 != id {
		t.Errorf("identity after restart %v, want %v", id2, id)
	}
	if err := dial(t, e, again); err != nil {
		t.Fatalf("dial after restart: %v", err)
	}
	for _, name := range []string{"node.key", "node.json"} {
		fi, err := os.Stat(filepath.Join(dir, name))
		if err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, fi.Mode(), err)
		}
	}
	if err := e.store.RevokeDevice(t.Context(), id.ID); err != nil {
		t.Fatal(err)
	}
	refused(t, dial(t, e, again), proto.CodeRevoked, "client "+id.ID+" was revoked")
}

func TestTokensThatAreRefused(t *testing.T) {
	c := newClock()
	e := newEdge(t, t.TempDir(), c)
	tun, err := e.store.CreateTunnel(t.Context(), "lab")
	if err != nil {
		t.Fatal(err)
	}

	used := e.deviceToken(t, "alice")
	if err := enrol(t, newNode(proto.RoleClient, t.TempDir(), c, used)); err != nil {
		t.Fatal(err)
	}
	refused(t, enrol(t, newNode(proto.RoleClient, t.TempDir(), c, used)), proto.CodeRefused, "the token was used already")
	e.log(t, "enrolment refused", "the token was used already")

	expired := e.deviceToken(t, "alice")
	c.forward(61 * time.Minute)
	refused(t, enrol(t, newNode(proto.RoleClient, t.TempDir(), c, expired)), proto.CodeRefused, "the token expired")
	e.log(t, "enrolment refused", "the token expired")

	old := e.tunnelToken(t, "lab", false)
	if again := e.tunnelToken(t, "lab", false); again.String() != old.String() {
		t.Error("the tunnel's token is another one when it is printed again")
	}
	first := newNode(proto.RoleConnector, t.TempDir(), c, old)
	for _, n := range []*node.Node{first, newNode(proto.RoleConnector, "", c, old)} {
		if err := enrol(t, n); err != nil {
			t.Fatal(err)
		}
		if err := dial(t, e, n); err != nil {
			t.Errorf("connector: %v", err)
		}
	}
	if n := len(e.store.Snapshot().ConnectorsOf(tun.ID)); n != 2 {
		t.Errorf("%d connectors, want 2", n)
	}
	fresh := e.tunnelToken(t, "lab", true)
	refused(t, enrol(t, newNode(proto.RoleConnector, t.TempDir(), c, old)), proto.CodeRefused, "the token was rotated")
	e.log(t, "enrolment refused", "the token was rotated")
	if err := dial(t, e, first); err != nil {
		t.Errorf("an enrolled connector after rotation: %v", err)
	}
	if err := enrol(t, newNode(proto.RoleConnector, t.TempDir(), c, fresh)); err != nil {
		t.Errorf("the new token: %v", err)
	}

	unknown := fresh
	unknown.ID = "nothing"
	refused(t, enrol(t, newNode(proto.RoleConnector, t.TempDir(), c, unknown)), proto.CodeRefused, "this edge does not know the token")

	if err := enrol(t, newNode(proto.RoleClient, t.TempDir(), c, fresh)); err == nil || err.Error() != "that is a tunnel token; a client needs a device token" {
		t.Errorf("a tunnel token for a client: %v", err)
	}
	if err := e.store.DeleteTunnel(t.Context(), "lab"); err != nil {
		t.Fatal(err)
	}
	refused(t, dial(t, e, first), proto.CodeRevoked, "the tunnel was deleted")
}

// A connector that was away for longer than the edge remembers it comes back
// by itself, with its tunnel's token and under a new id.
func TestForgottenConnectorEnrolsAgain(t *testing.T) {
	c := newClock()
	e := newEdge(t, t.TempDir(), c)
	if _, err := e.store.CreateTunnel(t.Context(), "lab"); err != nil {
		t.Fatal(err)
	}
	n := newNode(proto.RoleConnector, t.TempDir(), c, e.tunnelToken(t, "lab", false))
	if err := enrol(t, n); err != nil {
		t.Fatal(err)
	}
	before, _ := n.Identity()
	c.forward(25 * time.Hour)
	if forgot, err := e.store.ForgetConnectors(t.Context(), nil); forgot != 1 || err != nil {
		t.Fatalf("forgot %d, %v", forgot, err)
	}
	err := dial(t, e, n)
	refused(t, err, proto.CodeRevoked, "connector "+before.ID+" is not known here")
	n.LinkEnded(err)
	if err := dial(t, e, n); err != nil {
		t.Fatalf("the next attempt: %v", err)
	}
	if after, _ := n.Identity(); after.ID == before.ID || after.Tunnel != before.Tunnel {
		t.Errorf("identity %v after %v", after, before)
	}
}

func TestTokenForAnotherEdge(t *testing.T) {
	c := newClock()
	a, b := newEdge(t, t.TempDir(), c), newEdge(t, t.TempDir(), c)
	tok := a.deviceToken(t, "alice")
	tok.Edges = []string{b.addr}
	const text = "the token is for another edge: the authority at this address has another key"
	refused(t, enrol(t, newNode(proto.RoleClient, t.TempDir(), c, tok)), proto.CodeRefused, text)
	b.log(t, "enrolment declined by the node", text)
	if a.store.Snapshot().Tokens[tok.ID].Used != nil || len(b.logs.FilterMessage("enrolment refused").All()) != 0 {
		t.Error("the secret was sent")
	}
}

// A certificate that names a device of ours but comes from another authority.
func TestCertificateOfAnotherAuthority(t *testing.T) {
	c := newClock()
	e := newEdge(t, t.TempDir(), c)
	n := newNode(proto.RoleClient, t.TempDir(), c, e.deviceToken(t, "alice"))
	if err := enrol(t, n); err != nil {
		t.Fatal(err)
	}
	id, _ := n.Identity()
	cfg, err := n.TLS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	forged := forge(t, id, c.now())
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return forged, nil }
	refused(t, dialTLS(t, e, cfg), proto.CodeRefused, "the certificate was not signed by this edge's authority")
}

func forge(t *testing.T, id proto.Identity, now time.Time) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "oneping authority"}, URIs: []*url.URL{id.URI()},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// A node that enrolled with one edge meets another at its address.
func TestEdgeOfAnotherAuthority(t *testing.T) {
	c := newClock()
	a, b := newEdge(t, t.TempDir(), c), newEdge(t, t.TempDir(), c)
	n := newNode(proto.RoleClient, t.TempDir(), c, a.deviceToken(t, "alice"))
	if err := enrol(t, n); err != nil {
		t.Fatal(err)
	}
	err := dial(t, b, n)
	if err == nil || !strings.Contains(err.Error(), "the edge at this address has another authority than the one this node enrolled with") {
		t.Errorf("got %v", err)
	}
	eventually(t, func() bool {
		seen := b.logs.FilterMessage("link refused in its handshake").All()
		return len(seen) == 1 && seen[0].ContextMap()["reason"] == "TLS handshake refused by peer: tls: bad certificate"
	})
}

func TestEnrolmentIsRateLimited(t *testing.T) {
	c := newClock()
	e := newEdge(t, t.TempDir(), c)
	limited := 0
	for range 25 {
		l, err := path.Dial(t.Context(), e.addr, path.Config{ALPN: proto.EnrolALPN, TLS: &tls.Config{InsecureSkipVerify: true}})
		if err != nil {
			t.Fatal(err)
		}
		s, err := l.OpenRaw(t.Context())
		if err == nil {
			_, _ = s.Write(append(proto.AppendLength(nil, 2), "{}"...))
			_, err = proto.ReadFrame(s, nil, 1<<16)
			_ = s.Close()
		}
		var closed *link.CloseError
		if errors.As(err, &closed) && closed.Code == proto.CodeTooMany {
			limited++
		}
		_ = l.Close(proto.CodeOK, "")
	}
	if limited != 5 {
		t.Errorf("%d of 25 requests at once were turned away, want 5", limited)
	}
}

func TestAuthorityKeepsItsKeys(t *testing.T) {
	dir := t.TempDir()
	load := func() *identity.Authority {
		a := identity.New(identity.Config{Dir: dir})
		if err := a.Load(); err != nil {
			t.Fatal(err)
		}
		return a
	}
	a, b := load(), load()
	if a.Pin() != b.Pin() || a.ID() != b.ID() || a.ResetKey() != b.ResetKey() || a.ResetKey() == [32]byte{} {
		t.Error("pin, id or reset key changed at the second start")
	}
	for _, name := range []string{"ca.key", "secret"} {
		fi, err := os.Stat(filepath.Join(dir, name))
		if err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, fi.Mode(), err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.key"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := identity.New(identity.Config{Dir: dir}).Load()
	if err == nil || err.Error() != "read "+filepath.Join(dir, "ca.key")+": not PEM" {
		t.Errorf("damaged key: %v", err)
	}
}

func TestUnreachableEdgeIsAskedUntilTheContextEnds(t *testing.T) {
	c := newClock()
	e := newEdge(t, t.TempDir(), c)
	tok := e.deviceToken(t, "alice")
	pc, err := net.ListenPacket("udp", "127.0.0.1:0") // answers nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pc.Close() }()
	tok.Edges = []string{pc.LocalAddr().String(), e.addr}
	if err := enrol(t, newNode(proto.RoleClient, t.TempDir(), c, tok)); err != nil {
		t.Errorf("the second edge was not tried: %v", err)
	}
}
