package identity_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/oneping/oneping/edge/identity"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/proto"
)

func TestExpiredCertificateRenewsByItself(t *testing.T) {
	c := newClock()
	e := newEdge(t, t.TempDir(), c)
	dir := t.TempDir()
	n := newNode(proto.RoleClient, dir, c, e.deviceToken(t, "alice"))
	if err := enrol(t, n); err != nil {
		t.Fatal(err)
	}
	id, _ := n.Identity()

	c.forward(10 * 24 * time.Hour) // expired for three days
	if err := dial(t, e, n); err != nil {
		t.Errorf("a running node whose certificate expired: %v", err)
	}
	if got, _ := n.Identity(); got != id {
		t.Errorf("identity after renewal %v, want %v", got, id)
	}
	c.forward(10 * 24 * time.Hour)
	restarted := node.New(node.Config{Role: proto.RoleClient, StateDir: dir, Now: c.now})
	if err := enrol(t, restarted); err != nil {
		t.Errorf("a restarted node whose certificate expired: %v", err)
	}
	if err := dial(t, e, restarted); err != nil {
		t.Error(err)
	}

	c.forward(188 * 24 * time.Hour)
	late := node.New(node.Config{Role: proto.RoleClient, StateDir: dir, Now: c.now})
	refused(t, enrol(t, late), proto.CodeRefused, "the certificate expired 181 days ago; renewal works for 180")
}

func TestRevokedDeviceDoesNotRenew(t *testing.T) {
	c := newClock()
	e := newEdge(t, t.TempDir(), c)
	n := newNode(proto.RoleClient, t.TempDir(), c, e.deviceToken(t, "alice"))
	if err := enrol(t, n); err != nil {
		t.Fatal(err)
	}
	id, _ := n.Identity()
	if err := e.store.RevokeDevice(t.Context(), id.ID); err != nil {
		t.Fatal(err)
	}
	c.forward(10 * 24 * time.Hour)
	refused(t, enrol(t, n), proto.CodeRevoked, "was revoked")
	e.log(t, "enrolment refused", "was revoked")
}

func TestRenewalOverALink(t *testing.T) {
	c := newClock()
	e := newEdge(t, t.TempDir(), c)
	n := newNode(proto.RoleClient, t.TempDir(), c, e.deviceToken(t, "alice"))
	if err := enrol(t, n); err != nil {
		t.Fatal(err)
	}
	id, _ := n.Identity()
	before := n.Status().Expires
	if req, err := n.Request(c.now()); req != nil || err != nil {
		t.Errorf("a request at the start: %v, %v", req, err)
	}
	c.forward(identity.CertificateLife / 2)
	req, err := n.Request(c.now())
	if err != nil || req == nil {
		t.Fatalf("no request at half-life: %v", err)
	}
	cert, err := e.authority.Renew(id, req.CSR)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Renewed(proto.Renewed{Cert: cert}); err != nil {
		t.Fatal(err)
	}
	if got := n.Status().Expires.Sub(before); got < identity.CertificateLife/2-time.Minute {
		t.Errorf("renewed for %v", got)
	}
	other := newNode(proto.RoleClient, t.TempDir(), c, e.deviceToken(t, "bob"))
	if err := enrol(t, other); err != nil {
		t.Fatal(err)
	}
	c.forward(identity.CertificateLife / 2)
	foreign, err := other.Request(c.now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.authority.Renew(id, foreign.CSR); err == nil || err.Error() != "client "+id.ID+" enrolled with another key" {
		t.Errorf("renewal for a foreign key: %v", err)
	}
}

// The expired certificate of a node is not secret: without the node's key it is worth nothing.
func TestRenewalNeedsTheKey(t *testing.T) {
	c := newClock()
	e := newEdge(t, t.TempDir(), c)
	dir := t.TempDir()
	n := newNode(proto.RoleClient, dir, c, e.deviceToken(t, "alice"))
	if err := enrol(t, n); err != nil {
		t.Fatal(err)
	}
	stored, err := os.ReadFile(filepath.Join(dir, "node.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Cert []byte `json:"certificate"`
	}
	if err := json.Unmarshal(stored, &s); err != nil {
		t.Fatal(err)
	}
	thief, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, thief)
	if err != nil {
		t.Fatal(err)
	}
	ans := ask(t, e, func(binding []byte) proto.EnrolRequest {
		proof, _ := ecdsa.SignASN1(rand.Reader, thief, proto.RenewalDigest(binding, csr))
		return proto.EnrolRequest{CSR: csr, Expired: s.Cert, Proof: proof}
	})
	if ans.Error != "renewal keeps the key, and this request has another" || ans.Cert != nil {
		t.Errorf("answer %+v", ans)
	}
	req, err := proofless(n, c)
	if err != nil {
		t.Fatal(err)
	}
	ans = ask(t, e, func([]byte) proto.EnrolRequest {
		return proto.EnrolRequest{CSR: req, Expired: s.Cert, Proof: []byte("x")}
	})
	if ans.Error != "the proof that the key is there is wrong" || ans.Cert != nil {
		t.Errorf("answer to a replayed request %+v", ans)
	}
}

// proofless returns a certificate request of n, as somebody could have recorded it.
func proofless(n *node.Node, c *clock) ([]byte, error) {
	req, err := n.Request(c.now().Add(identity.CertificateLife))
	if err != nil {
		return nil, err
	}
	return req.CSR, nil
}

// ask sends one enrolment request by hand.
func ask(t *testing.T, e *edge, build func(binding []byte) proto.EnrolRequest) (ans proto.EnrolAnswer) {
	t.Helper()
	l, err := path.Dial(t.Context(), e.addr, path.Config{ALPN: proto.EnrolALPN, TLS: &tls.Config{InsecureSkipVerify: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close(proto.CodeOK, "") }()
	cs := l.TLS()
	binding, err := cs.ExportKeyingMaterial(proto.RenewalLabel, nil, sha256.Size)
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(build(binding))
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.OpenRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, err := s.Write(append(proto.AppendLength(nil, len(body)), body...)); err != nil {
		t.Fatal(err)
	}
	if body, err = proto.ReadFrame(s, nil, 1<<16); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &ans); err != nil {
		t.Fatal(err)
	}
	return ans
}
