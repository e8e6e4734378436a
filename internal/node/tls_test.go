package node

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/proto"
)

// A role that is told to end does not wait for an edge that is down, even where its certificate has to be
// renewed before it can dial.
func TestRenewalBeforeADialEndsWithItsContext(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	n := New(Config{Role: proto.RoleClient})
	if err := n.load(); err != nil {
		t.Fatal(err)
	}
	expired := &x509.Certificate{NotAfter: time.Now().Add(-time.Hour)}
	n.id = identity{edges: []string{silent.LocalAddr().String()}, ca: expired, cert: expired}
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("the role ends")
	time.AfterFunc(50*time.Millisecond, func() { cancel(stopped) })
	if _, err := n.TLS(ctx); !errors.Is(err, stopped) {
		t.Errorf("TLS returned %v", err)
	}
}

// TestNamesOfAForeignCertificateArePrintable: whoever answers at the edge's address chooses them.
func TestNamesOfAForeignCertificateArePrintable(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"a\x1b[31mb"}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifyEdge(cert, cert); err == nil || strings.Contains(err.Error(), "\x1b") || !strings.Contains(err.Error(), "a[31mb") {
		t.Errorf("%q", err)
	}
}
