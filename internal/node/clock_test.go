package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

// What is known of the edge's clock goes on with time, and is no longer true when this machine's
// clock was set.
func TestEdgeClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const day = 24 * time.Hour
		wall := func(off time.Duration) time.Time { return time.Now().Round(0).Add(off) }
		n := New(Config{Now: func() time.Time { return wall(10 * day) }})
		now := n.cfg.Now()
		if ahead, ok := n.clock.ahead(now); ok || ahead != 0 || n.clock.now(now) != now || n.clock.apart(now) != "" {
			t.Errorf("of nothing: %v, %v", ahead, ok)
		}
		n.heard(time.Time{}) // an older edge
		if _, ok := n.clock.ahead(now); ok {
			t.Error("an edge that does not say its time is known")
		}
		n.heard(wall(0))
		time.Sleep(30 * day) // virtual
		if ahead, ok := n.clock.ahead(n.cfg.Now()); !ok || ahead != 10*day {
			t.Errorf("a month later: %v, %v", ahead, ok)
		}
		if got := n.clock.now(n.cfg.Now()); !got.Equal(wall(0)) {
			t.Errorf("the edge's: %v, want %v", got, wall(0))
		}
		want := "this machine's clock says 2000-02-10T00:00:00Z, the edge's says 2000-01-31T00:00:00Z: they differ by 10d"
		if s := n.Status(); s.Clocks != want || s.ClockAhead != (10*day).Seconds() {
			t.Errorf("status %q, %v", s.Clocks, s.ClockAhead)
		}
		if _, ok := n.clock.ahead(wall(0)); ok {
			t.Error("known after this clock was corrected")
		}
		n.heard(n.cfg.Now().Add(4 * time.Second))
		if s := n.Status(); s.Clocks != "" || s.ClockAhead != 0 {
			t.Errorf("some seconds: %+v", s)
		}
	})
}

// certificates returns an authority whose dates begin in ten days, and an edge's certificate of it
// that is good for an hour.
func certificates(t *testing.T, now time.Time, key *ecdsa.PrivateKey) (edge, ca *x509.Certificate) {
	t.Helper()
	make := func(c, parent *x509.Certificate) *x509.Certificate {
		der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		out, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	begin := now.Add(10 * 24 * time.Hour)
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: begin, NotAfter: begin.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	ca = make(root, root)
	return make(&x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), DNSNames: []string{proto.EdgeName},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, ca), ca
}

// An edge's certificate is judged at both ends of its life, and the authority's dates not at all: it
// may have been made by a machine whose clock was ahead. The refusal compares both clocks where it
// can.
func TestVerifyPeerDates(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	edge, ca := certificates(t, now, key)
	chain := []*x509.Certificate{edge, ca}
	if err := verifyPeer(chain, ca, now, edgeClock{}); err != nil {
		t.Errorf("good: %v", err)
	}
	const lasts = "the edge's certificate lasts from 2026-11-22T11:00:00Z to 2026-11-22T13:00:00Z; "
	for _, c := range []struct {
		now        time.Time
		clock      edgeClock
		text, hint string
	}{
		{now.Add(2 * time.Hour), edgeClock{}, lasts + "here it is 2026-11-22T14:00:00Z", "compare the clocks of both machines (timedatectl)"},
		{now.Add(-2 * time.Hour), edgeClock{}, lasts + "here it is 2026-11-22T10:00:00Z", "compare the clocks of both machines (timedatectl)"},
		{
			now.Add(2 * time.Hour),
			edgeClock{said: now, here: now.Add(2 * time.Hour), at: time.Now()},
			lasts + "this machine's clock says 2026-11-22T14:00:00Z, the edge's says 2026-11-22T12:00:00Z: they differ by 2h",
			"set the clock that is wrong by the network: timedatectl set-ntp true",
		},
	} {
		if err := verifyPeer(chain, ca, c.now, c.clock); err == nil || err.Error() != c.text || advice.Of(err) != c.hint {
			t.Errorf("%v, hint %q", err, advice.Of(err))
		}
	}
}
