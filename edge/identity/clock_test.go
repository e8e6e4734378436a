package identity_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/proto"
)

const tenDays = 10 * 24 * time.Hour

// An edge that was started ten days ahead is good again when its clock is right, without a restart:
// its certificate is made anew, and nodes with the right clock enrol and link.
func TestEdgeThatWasAhead(t *testing.T) {
	edges, nodes := newClock(), newClock()
	edges.forward(tenDays)
	e := newEdge(t, t.TempDir(), edges)
	n := newNode(proto.RoleClient, t.TempDir(), nodes, e.deviceToken(t, "alice"))
	if err := enrol(t, n); err != nil {
		t.Fatal(err)
	}
	want := "the edge's certificate lasts from "
	if err := dial(t, e, n); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), ": they differ by 10d") {
		t.Errorf("while the edge is ahead: %v", err)
	}
	if text := n.Status().Clocks; !strings.HasSuffix(text, ": they differ by 10d") {
		t.Errorf("status: %q", text)
	}
	edges.forward(-tenDays)
	// What it has signed is of the future; the node renews when it is told so.
	err := dial(t, e, n)
	refused(t, err, proto.CodeExpired, "the certificate begins at ")
	n.LinkEnded(err)
	if err := dial(t, e, n); err != nil {
		t.Errorf("corrected: %v", err)
	}
	if s := n.Status(); s.Clocks != "" || s.ClockAhead != 0 {
		t.Errorf("status: %+v", s)
	}
	other := newNode(proto.RoleClient, t.TempDir(), nodes, e.deviceToken(t, "bob"))
	if err := enrol(t, other); err != nil {
		t.Error(err)
	}
	if err := dial(t, e, other); err != nil {
		t.Errorf("enrolled afterwards: %v", err)
	}
}

// A node whose clock is ten days ahead renews once, and then says what is wrong: it does not ask for a
// certificate at each attempt. When its clock is right it is in.
func TestNodeThatIsAhead(t *testing.T) {
	edges, nodes := newClock(), newClock()
	e := newEdge(t, t.TempDir(), edges)
	n := newNode(proto.RoleClient, t.TempDir(), nodes, e.deviceToken(t, "alice"))
	if err := enrol(t, n); err != nil {
		t.Fatal(err)
	}
	nodes.forward(tenDays)
	for range 5 {
		if err := dial(t, e, n); err == nil || !strings.Contains(err.Error(), ": they differ by 10d") {
			t.Errorf("ahead: %v", err)
		}
	}
	if n := e.logs.FilterMessage("enrolled").Len(); n != 2 {
		t.Errorf("%d certificates were signed, want 2", n)
	}
	nodes.forward(-tenDays)
	if err := dial(t, e, n); err != nil {
		t.Errorf("corrected: %v", err)
	}
}

// The authority of an edge whose clock was ahead at its first start is good for everybody, also after
// a restart.
func TestAuthorityOfAFirstStartThatWasAhead(t *testing.T) {
	for _, off := range []time.Duration{tenDays, -20 * 365 * 24 * time.Hour} {
		edges, dir := newClock(), t.TempDir()
		edges.forward(off)
		e := newEdge(t, dir, edges)
		made, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
		if err != nil {
			t.Fatal(err)
		}
		edges.forward(-off)
		n := newNode(proto.RoleClient, t.TempDir(), newClock(), e.deviceToken(t, "alice"))
		if err := enrol(t, n); err != nil {
			t.Fatal(err)
		}
		if err := dial(t, e, n); err != nil {
			t.Errorf("made with the clock off by %v: %v", off, err)
		}
		if now, err := os.ReadFile(filepath.Join(dir, "ca.crt")); err != nil || string(now) != string(made) {
			t.Errorf("another authority: %v", err)
		}
	}
}
