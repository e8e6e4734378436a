package node

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
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
