package link_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
)

// testTLS returns configurations of an edge and of a node that trusts it.
func testTLS(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "edge"}, DNSNames: []string{proto.EdgeName},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	server = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return server, &tls.Config{RootCAs: pool}
}

// runningLink is one end of a link with its Run.
type runningLink struct {
	*link.Link
	cancel context.CancelFunc
	err    chan error
}

func run(t testing.TB, l *link.Link, h link.Handler) *runningLink {
	ctx, cancel := context.WithCancel(t.Context())
	r := &runningLink{Link: l, cancel: cancel, err: make(chan error, 1)}
	go func() { r.err <- l.Run(ctx, h) }()
	t.Cleanup(r.stop)
	return r
}

// stop ends Run and waits for it.
func (r *runningLink) stop() {
	r.cancel()
	<-r.Done()
}

// wait returns what Run returned.
func (r *runningLink) wait(t testing.TB) error {
	t.Helper()
	select {
	case err := <-r.err:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("Run did not return")
		return nil
	}
}

// connect returns both ends of a link over loopback, not running.
func connect(t testing.TB, edge, node link.Config) (server, client *link.Link) {
	t.Helper()
	st, ct := testTLS(t)
	edge.TLS, node.TLS = st, ct
	ln, err := link.Listen("127.0.0.1:0", edge)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	accepted := make(chan *link.Link, 1)
	go func() {
		l, err := ln.Accept(t.Context())
		if err != nil {
			t.Error(err)
		}
		accepted <- l
	}()
	client, err = link.Dial(t.Context(), ln.Addr().String(), node)
	if err != nil {
		t.Fatal(err)
	}
	return <-accepted, client
}

func TestControlReachesTheOtherSideInOrder(t *testing.T) {
	server, client := connect(t, link.Config{}, link.Config{})
	got := make(chan string, 10)
	run(t, server, link.Handler{Control: func(l *link.Link, m proto.Control) error {
		got <- m.Hello.Hostname
		return l.SendControl(&proto.Control{Welcome: &proto.Welcome{Edge: "e"}})
	}})
	welcome := make(chan proto.Control, 10)
	run(t, client, link.Handler{Control: func(_ *link.Link, m proto.Control) error {
		welcome <- m
		return nil
	}})
	for _, name := range []string{"a", "b"} {
		if err := client.SendControl(&proto.Control{Hello: &proto.Hello{Hostname: name}}); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := <-got, <-got; a != "a" || b != "b" {
		t.Fatalf("got %q, %q", a, b)
	}
	if m := <-welcome; m.Welcome == nil || m.Welcome.Edge != "e" {
		t.Fatalf("got %+v", m)
	}
}

func TestCloseTellsThePeerWhy(t *testing.T) {
	server, client := connect(t, link.Config{}, link.Config{})
	s, c := run(t, server, link.Handler{}), run(t, client, link.Handler{})
	if err := s.Close(proto.CodeRevoked, "device lost"); err != nil {
		t.Fatal(err)
	}
	got, ok := errors.AsType[*link.CloseError](c.wait(t))
	if want := (link.CloseError{Code: proto.CodeRevoked, Text: "device lost", Remote: true}); !ok || *got != want {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	if got, ok := errors.AsType[*link.CloseError](s.wait(t)); !ok || got.Code != proto.CodeRevoked || got.Remote {
		t.Fatalf("got %+v", got)
	}
}
