package edge

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/oneping/oneping/proto"
)

// until waits for what a goroutine of the edge is about to do.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	end := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-end:
			t.Fatalf("not within %s: %s", patience, what)
		case <-tick.C:
		}
	}
}

// Two machines with one state directory: the newer one has the place, the other one is told who has
// it, and does not get it back as long as it yields.
func TestAnotherNodeWithThisIdentity(t *testing.T) {
	s := newSite(t)
	n := enrol(t, proto.RoleClient, s.token("bob"))
	id, _ := n.Identity()
	first := dial(t, n, &proto.Hello{Boot: "a", Hostname: "host-a"})
	first.welcomed()
	second := dial(t, n, &proto.Hello{Boot: "b", Hostname: "host-b\x1b"})
	second.welcomed()
	said := func(p *peerNode) string {
		t.Helper()
		select {
		case err := <-p.ended:
			return err.Error()
		case <-time.After(patience):
			t.Fatal("the link lives on")
		}
		return ""
	}
	want := "link closed by peer: replaced: another client with this identity is connected from " + s.e.acceptor.nodes.get(id).l.Remote().String() + " (host host-b)"
	if got := said(first); got != want {
		t.Errorf("the first was told %q, want %q", got, want)
	}
	if got := said(dial(t, n, &proto.Hello{Boot: "a", Yield: true})); got != want {
		t.Errorf("the first, back, was told %q, want %q", got, want)
	}
	again := dial(t, n, &proto.Hello{Boot: "b", Yield: true}) // its own older link is no other node
	again.welcomed()
	_ = again.l.Close(proto.CodeOK, "")
	until(t, "nobody has the identity", func() bool { return s.e.acceptor.nodes.get(id) == nil })
	dial(t, n, &proto.Hello{Boot: "a", Yield: true}).welcomed()
}

// A node says hello again when a fact has changed: the edge shows it, and takes nothing else.
func TestHelloAgain(t *testing.T) {
	s := newSite(t)
	if !s.connector.welcome.HelloAgain {
		t.Error("the edge does not say that it takes another hello")
	}
	shown := func() NodeStatus { return s.e.Status().Tunnels[0].Connectors[0] }
	before := shown()
	if err := s.connector.l.SendControl(&proto.Control{Hello: &proto.Hello{Hostname: "other", Version: "9", Facts: proto.Facts{ICMP: "off: closed"}}}); err != nil {
		t.Fatal(err)
	}
	until(t, "the edge shows the new mode", func() bool { return shown().ICMP == "off: closed" })
	after := shown()
	if before.ICMP != "ping" || after.Hostname != before.Hostname || after.Version != before.Version {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if err := s.connector.l.SendControl(&proto.Control{Hello: &proto.Hello{Boot: "another process", Facts: proto.Facts{ICMP: "raw"}}}); err != nil {
		t.Fatal(err)
	}
	s.connector.closedWith(proto.CodeProtocol, patience)
}

func TestHelloIsMadePrintable(t *testing.T) {
	h := printable(&proto.Hello{Hostname: "a\x1b[31mb\n", Version: strings.Repeat("é", 200)})
	if h.Hostname != "a[31mb" || len(h.Version) > 253 || !utf8.ValidString(h.Version) {
		t.Errorf("%q, %d bytes", h.Hostname, len(h.Version))
	}
}
