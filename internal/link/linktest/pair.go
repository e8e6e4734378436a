// Package linktest makes links for tests, of this package and of those above it.
package linktest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	random "math/rand/v2"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/proto"
)

// TLS returns configurations of an edge and of a node that trusts it.
func TLS(t testing.TB) (server, client *tls.Config) {
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

// Running is one end of a link with its Run.
type Running struct {
	*link.Link
	cancel context.CancelFunc
	err    chan error
}

// Run runs l with h until Stop or the end of the test.
func Run(t testing.TB, l *link.Link, h link.Handler) *Running {
	ctx, cancel := context.WithCancel(t.Context())
	r := &Running{Link: l, cancel: cancel, err: make(chan error, 1)}
	go func() { r.err <- l.Run(ctx, h) }()
	t.Cleanup(r.Stop)
	return r
}

// Stop ends Run and waits for it.
func (r *Running) Stop() {
	r.cancel()
	<-r.Done()
}

// Wait returns what Run returned.
func (r *Running) Wait(t testing.TB) error {
	t.Helper()
	select {
	case err := <-r.err:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("Run did not return")
		return nil
	}
}

// Connect returns both ends of a link over loopback, not running.
func Connect(t testing.TB, edge, node path.Config) (server, client *link.Link) {
	t.Helper()
	st, ct := TLS(t)
	edge.TLS, node.TLS = st, ct
	ln, err := path.Listen("127.0.0.1:0", edge)
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
	client, err = path.Dial(t.Context(), ln.Addr().String(), node)
	if err != nil {
		t.Fatal(err)
	}
	return <-accepted, client
}

// Pattern is n pseudo-random bytes, the same ones each time.
func Pattern(n int64) io.Reader {
	return io.LimitReader(random.NewChaCha8([32]byte{1}), n)
}

// Eventually waits for cond.
func Eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	end := time.Now().Add(20 * time.Second)
	for !cond() {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
		<-time.After(5 * time.Millisecond)
	}
}
