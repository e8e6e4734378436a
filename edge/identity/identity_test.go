package identity_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/oneping/oneping/edge/identity"
	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/proto"
)

// clock is a clock that tests turn.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Now()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// edge is a store, an authority and a listener on loopback.
type edge struct {
	store     *state.Store
	authority *identity.Authority
	addr      string
	logs      *observer.ObservedLogs

	mu       sync.Mutex
	accepted []string // identities that got a link
}

func newEdge(t *testing.T, dir string, c *clock) *edge {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	e := &edge{logs: logs}
	e.store = state.New(state.Config{Dir: dir, Now: c.now})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = e.store.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	select {
	case <-e.store.Ready():
	case <-time.After(20 * time.Second):
		t.Fatal("the store is not ready")
	}
	e.authority = identity.New(identity.Config{
		Dir: dir, Store: e.store, Advertise: func() []string { return []string{e.addr} }, Now: c.now, Log: zap.New(core),
	})
	if err := e.authority.Load(); err != nil {
		t.Fatal(err)
	}
	ln, err := link.Listen("127.0.0.1:0", link.Config{TLS: e.authority.ServerTLS(), Log: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	e.addr = ln.Addr().String()
	wg.Go(func() {
		for {
			l, err := ln.Accept(ctx)
			if err != nil {
				return
			}
			wg.Go(func() { e.serve(ctx, l) })
		}
	})
	return e
}

func (e *edge) serve(ctx context.Context, l *link.Link) {
	if l.ALPN() == proto.EnrolALPN {
		if err := e.authority.ServeEnrol(ctx, l); err != nil {
			e.mu.Lock()
			e.accepted = append(e.accepted, "enrolment: "+err.Error())
			e.mu.Unlock()
		}
		return
	}
	id, err := e.authority.Identify(l)
	if err != nil {
		var r *identity.Refusal
		errors.As(err, &r)
		_ = l.Close(r.Code(), r.Text)
		return
	}
	e.mu.Lock()
	e.accepted = append(e.accepted, id.String())
	e.mu.Unlock()
	_ = l.Run(ctx, link.Handler{})
}

func (e *edge) log(t *testing.T, message, reason string) {
	t.Helper()
	for _, entry := range e.logs.FilterMessage(message).All() {
		if strings.Contains(entry.ContextMap()["reason"].(string), reason) {
			return
		}
	}
	t.Errorf("the edge's log has no %q with reason %q: %v", message, reason, e.logs.All())
}

func (e *edge) deviceToken(t *testing.T, user string) proto.Token {
	t.Helper()
	tok, err := e.authority.IssueDeviceToken(t.Context(), user, 0)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func (e *edge) tunnelToken(t *testing.T, name string, rotate bool) proto.Token {
	t.Helper()
	tok, err := e.authority.TunnelToken(t.Context(), name, rotate)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func source(tok proto.Token) func() (proto.Token, bool, error) {
	return func() (proto.Token, bool, error) { return tok, true, nil }
}

func newNode(role proto.Role, dir string, c *clock, tok proto.Token) *node.Node {
	return node.New(node.Config{Role: role, StateDir: dir, TokenSource: source(tok), Now: c.now})
}

// enrol enrols within a time that tests can wait.
func enrol(t *testing.T, n *node.Node) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return n.Enrol(ctx)
}

// dial opens a link as n and returns what ended it; a link that is let in is closed after its first control message arrived.
func dial(t *testing.T, e *edge, n *node.Node) error {
	t.Helper()
	cfg, err := n.TLS()
	if err != nil {
		return err
	}
	return dialTLS(t, e, cfg)
}

func dialTLS(t *testing.T, e *edge, cfg *tls.Config) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	e.mu.Lock()
	before := len(e.accepted)
	e.mu.Unlock()
	l, err := link.Dial(ctx, e.addr, link.Config{TLS: cfg})
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, link.Handler{}) }()
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(5 * time.Millisecond):
		}
		e.mu.Lock()
		in := len(e.accepted) > before
		e.mu.Unlock()
		if in {
			_ = l.Close(proto.CodeOK, "")
			<-done
			return nil
		}
	}
}

func refused(t *testing.T, err error, code proto.Code, text string) {
	t.Helper()
	var ne *node.Error
	var ce *link.CloseError
	switch {
	case errors.As(err, &ne) && ne.Code == code && strings.Contains(ne.Text, text):
	case errors.As(err, &ce) && ce.Remote && ce.Code == code && strings.Contains(ce.Text, text):
	default:
		t.Errorf("got %v, want a refusal %v %q", err, code, text)
	}
}

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
	if err := e.authority.Permit(id); err == nil {
		t.Error("a revoked device is permitted")
	}
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
	if n := len(e.store.Snapshot().ReplicasOf(tun.ID)); n != 2 {
		t.Errorf("%d replicas, want 2", n)
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

func TestTokenForAnotherEdge(t *testing.T) {
	c := newClock()
	a, b := newEdge(t, t.TempDir(), c), newEdge(t, t.TempDir(), c)
	tok := a.deviceToken(t, "alice")
	tok.Edges = []string{b.addr}
	const text = "the token is for another edge: the authority at this address has another key"
	refused(t, enrol(t, newNode(proto.RoleClient, t.TempDir(), c, tok)), proto.CodeRefused, text)
	eventually(t, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return strings.Contains(strings.Join(b.accepted, "\n"), text)
	})
	if a.store.Snapshot().Tokens[tok.ID].Used != nil || len(b.logs.FilterMessage("enrolment refused").All()) != 0 {
		t.Error("the secret was sent")
	}
}

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

// A certificate that names a device of ours but comes from another authority.
func TestCertificateOfAnotherAuthority(t *testing.T) {
	c := newClock()
	e := newEdge(t, t.TempDir(), c)
	n := newNode(proto.RoleClient, t.TempDir(), c, e.deviceToken(t, "alice"))
	if err := enrol(t, n); err != nil {
		t.Fatal(err)
	}
	id, _ := n.Identity()
	cfg, err := n.TLS()
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

// eventually waits for what another goroutine is about to do.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(5 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it did not come")
		}
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
	l, err := link.Dial(t.Context(), e.addr, link.Config{ALPN: proto.EnrolALPN, TLS: &tls.Config{InsecureSkipVerify: true}})
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

func TestEnrolmentIsRateLimited(t *testing.T) {
	c := newClock()
	e := newEdge(t, t.TempDir(), c)
	limited := 0
	for range 25 {
		l, err := link.Dial(t.Context(), e.addr, link.Config{ALPN: proto.EnrolALPN, TLS: &tls.Config{InsecureSkipVerify: true}})
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
