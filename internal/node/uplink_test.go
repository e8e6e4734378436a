package node_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/linktest"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/internal/node/nodetest"
	"github.com/oneping/oneping/proto"
)

const edgeAddr = "1.0.0.1:7844"

// fakeEdge is a network with an edge that does as the test says, in virtual time.
type fakeEdge struct {
	t  *testing.T
	ca *nodetest.Authority
	ln *path.Listener
	// hello is called for the first hello of each link and returns what is answered.
	hello func(l *link.Link, h *proto.Hello) *proto.Control
	node  *linktest.Socket // the node's underlay

	mu     sync.Mutex
	hellos []proto.Hello
	links  []*link.Link
}

// withEdge runs f in a bubble with an edge that answers each hello with answer.
func withEdge(t *testing.T, answer func(*link.Link, *proto.Hello) *proto.Control, f func(e *fakeEdge)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sim := &simnet.Simnet{Router: &simnet.PerfectRouter{}}
		settings := simnet.NodeBiDiLinkSettings{
			Latency: 5 * time.Millisecond, Downlink: simnet.LinkSettings{MTU: 1500}, Uplink: simnet.LinkSettings{MTU: 1500},
		}
		sock := sim.NewEndpoint(&net.UDPAddr{IP: net.IPv4(1, 0, 0, 1).To4(), Port: proto.Port}, settings)
		e := &fakeEdge{t: t, hello: answer, node: &linktest.Socket{
			PacketConn: sim.NewEndpoint(&net.UDPAddr{IP: net.IPv4(1, 0, 0, 2).To4(), Port: 4000}, settings),
		}}
		var err error
		if e.ca, err = nodetest.NewAuthority(); err != nil {
			t.Fatal(err)
		}
		conf, err := e.ca.TLS(proto.Identity{Role: proto.RoleEdge, ID: "e"})
		if err != nil {
			t.Fatal(err)
		}
		if err := sim.Start(); err != nil {
			t.Fatal(err)
		}
		if e.ln, err = path.Listen("", path.Config{TLS: conf, Underlay: &linktest.Socket{PacketConn: sock}}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { e.serve(ctx) })
		f(e)
		cancel()
		wg.Wait()
		_, _, _, _ = e.ln.Close(), sock.Close(), e.node.Close(), sim.Close()
	})
}

// serve runs every link until ctx ends.
func (e *fakeEdge) serve(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		l, err := e.ln.Accept(ctx)
		if err != nil {
			return
		}
		wg.Go(func() { _ = l.Run(ctx, link.Handler{Control: e.control}) })
	}
}

func (e *fakeEdge) control(l *link.Link, m proto.Control) error {
	if m.Hello == nil {
		return nil
	}
	e.mu.Lock()
	again := slices.Contains(e.links, l)
	e.hellos, e.links = append(e.hellos, *m.Hello), append(e.links, l)
	e.mu.Unlock()
	if again {
		return nil
	}
	if answer := e.hello(l, m.Hello); answer != nil {
		return l.SendControl(answer)
	}
	return nil
}

// newest returns how many hellos there were, and the newest one with its link.
func (e *fakeEdge) newest() (int, proto.Hello, *link.Link) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := len(e.hellos)
	return n, e.hellos[n-1], e.links[n-1]
}

// role is a node.Handler that notes what it is told.
type role struct {
	up *node.Uplink

	mu    sync.Mutex
	facts proto.Facts
	heard []string
}

func (r *role) note(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard = append(r.heard, what)
}

func (r *role) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.heard = nil }()
	return r.heard
}

func (r *role) setFacts(f proto.Facts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.facts = f
}

func (r *role) Rooms() link.Handler { return link.Handler{} }

func (r *role) Facts() proto.Facts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.facts
}

func (r *role) Welcome(_ *link.Link, w *proto.Welcome) error {
	r.note("welcome of " + w.Edge)
	r.up.Linked()
	return nil
}

func (r *role) Control(_ *link.Link, m *proto.Control) error {
	if m.Config != nil {
		r.note("config")
		return nil
	}
	r.note("unknown")
	return nil
}

func (r *role) Down(*link.Link) { r.note("down") }

// start runs an uplink of a connector that has enrolled, until stop.
func (e *fakeEdge) start() (r *role, stop func()) {
	e.t.Helper()
	n, err := e.ca.Node(e.t.TempDir(), proto.Identity{Role: proto.RoleConnector, Tunnel: "t", ID: "c"}, edgeAddr)
	if err != nil {
		e.t.Fatal(err)
	}
	return e.run(n)
}

// run runs an uplink of n, until stop.
func (e *fakeEdge) run(n *node.Node) (r *role, stop func()) {
	r = &role{up: node.NewUplink(n, path.Config{Underlay: e.node}), facts: proto.Facts{ICMP: "ping"}}
	ctx, cancel := context.WithCancel(e.t.Context())
	done := make(chan error, 1)
	go func() { done <- r.up.Run(ctx, r) }()
	return r, func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			e.t.Errorf("Run ended with %v", err)
		}
	}
}

func (r *role) want(t *testing.T, what ...string) {
	t.Helper()
	if got := r.take(); !slices.Equal(got, what) {
		t.Errorf("the role was told %q, want %q", got, what)
	}
}

func welcomed(*link.Link, *proto.Hello) *proto.Control {
	return &proto.Control{Welcome: &proto.Welcome{Edge: "e", HelloAgain: true}}
}

func TestUplinkKeepsALink(t *testing.T) {
	withEdge(t, welcomed, func(e *fakeEdge) {
		r, stop := e.start()
		select {
		case <-r.up.Ready():
		case <-time.After(time.Second):
			t.Fatal("no link")
		}
		_, first, l := e.newest()
		if first.ICMP != "ping" || first.Boot == "" || first.Yield || first.Version != "test" || !first.Started.Equal(r.up.Started()) {
			t.Errorf("hello %+v", first)
		}
		for _, m := range []*proto.Control{
			{Config: &proto.Config{}},
			{Event: &proto.Event{Text: "for people"}},
			{Renewed: &proto.Renewed{Error: "no"}},
			{Ended: &proto.Ended{}},
		} {
			if err := l.SendControl(m); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		if err := l.Close(proto.CodeDraining, "the edge is shutting down"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		r.want(t, "welcome of e", "config", "unknown", "down", "welcome of e")
		if n, h, _ := e.newest(); n != 2 || h.Boot != first.Boot || h.Yield {
			t.Errorf("hello %d after a drain: %+v, first %+v", n, h, first)
		}
		if last := r.up.Last(); last.Error != "" {
			t.Errorf("welcomed, and last error %q", last.Error)
		}
		stop()
		r.want(t, "down")
	})
}

// A fact that changes while a link is up reaches the edge within seconds, on the same link.
func TestChangedFactIsSaidAgain(t *testing.T) {
	withEdge(t, welcomed, func(e *fakeEdge) {
		r, stop := e.start()
		defer stop()
		time.Sleep(time.Minute)
		n, first, l := e.newest()
		if n != 1 {
			t.Fatalf("%d hellos though nothing has changed", n)
		}
		for _, icmp := range []string{"off: closed", "ping"} {
			r.setFacts(proto.Facts{ICMP: icmp})
			time.Sleep(3 * time.Second)
			n, h, again := e.newest()
			if h.ICMP != icmp || h.Boot != first.Boot || again != l {
				t.Errorf("ICMP %q, and the newest of %d hellos is %+v, same link %v", icmp, n, h, again == l)
			}
		}
		if n, _, _ := e.newest(); n != 3 {
			t.Errorf("%d hellos of 3 states", n)
		}
		r.want(t, "welcome of e")
	})
}

// An edge of before ends the link at a second hello: it gets none.
func TestOlderEdgeGetsOneHello(t *testing.T) {
	older := func(l *link.Link, _ *proto.Hello) *proto.Control {
		return &proto.Control{Welcome: &proto.Welcome{Edge: "e"}}
	}
	withEdge(t, older, func(e *fakeEdge) {
		r, stop := e.start()
		defer stop()
		time.Sleep(time.Second)
		r.setFacts(proto.Facts{ICMP: "off: closed"})
		time.Sleep(time.Minute)
		if n, _, _ := e.newest(); n != 1 {
			t.Errorf("%d hellos", n)
		}
		r.want(t, "welcome of e")
	})
}

// A node that another one with its identity has taken over from says so, asks to be let in only
// where nobody else is, ever more rarely, and takes its place again when that one is gone.
func TestNodeThatWasReplacedYields(t *testing.T) {
	const other = "another connector with this identity is connected from 192.0.2.9:4000 (host b)"
	var gone atomic.Bool
	edge := func(l *link.Link, h *proto.Hello) *proto.Control {
		if h.Yield && !gone.Load() {
			_ = l.Close(proto.CodeReplaced, other)
			return nil
		}
		return welcomed(l, h)
	}
	withEdge(t, edge, func(e *fakeEdge) {
		r, stop := e.start()
		defer stop()
		time.Sleep(time.Minute)
		_, _, l := e.newest()
		_ = l.Close(proto.CodeReplaced, other)
		time.Sleep(10 * time.Minute)
		n, h, _ := e.newest()
		if !h.Yield || n < 15 || n > 60 {
			t.Errorf("%d hellos in ten minutes, the newest %+v", n, h)
		}
		last := r.up.Last()
		if last.Error != "link closed by peer: replaced: "+other || !strings.HasPrefix(last.Hint, "another machine runs with a copy of ") {
			t.Errorf("status says %q, hint %q", last.Error, last.Hint)
		}
		gone.Store(true)
		time.Sleep(time.Minute)
		if last := r.up.Last(); last.Error != "" {
			t.Errorf("a minute after the other one left: %q", last.Error)
		}
		_, _, l = e.newest()
		_ = l.Close(proto.CodeDraining, "moving")
		time.Sleep(time.Second)
		if _, h, _ := e.newest(); h.Yield {
			t.Error("it goes on yielding though it was let in")
		}
	})
}

// An edge says where it is to be reached. An address that has not worked does not take the place of
// the one that has: the node comes back, and keeps both in its file.
func TestUplinkLearnsWhereTheEdgeIs(t *testing.T) {
	said := []string{"1.0.0.9:7844", "nonsense"} // nobody is there yet
	welcome := func(*link.Link, *proto.Hello) *proto.Control {
		return &proto.Control{Welcome: &proto.Welcome{Edge: "e", Edges: said}}
	}
	withEdge(t, welcome, func(e *fakeEdge) {
		dir := t.TempDir()
		n, err := e.ca.Node(dir, proto.Identity{Role: proto.RoleConnector, Tunnel: "t", ID: "c"}, edgeAddr)
		if err != nil {
			t.Fatal(err)
		}
		r, stop := e.run(n)
		time.Sleep(time.Second)
		want := []string{"1.0.0.9:7844", edgeAddr}
		if stored, err := node.StoredEdges(dir); err != nil || !slices.Equal(stored, want) || !slices.Equal(n.Edges(), want) {
			t.Errorf("stored %q, dialled %q, want %q; %v", stored, n.Edges(), want, err)
		}
		_, _, l := e.newest()
		_ = l.Close(proto.CodeDraining, "moving")
		time.Sleep(10 * time.Second)
		r.want(t, "welcome of e", "down", "welcome of e")
		said = []string{edgeAddr} // it stays where it is
		_, _, l = e.newest()
		_ = l.Close(proto.CodeDraining, "moving")
		time.Sleep(10 * time.Second)
		if stored, err := node.StoredEdges(dir); err != nil || !slices.Equal(stored, said) {
			t.Errorf("stored %q, want %q; %v", stored, said, err)
		}
		stop()
	})
}

// A node that waits to enrol says why, and which edges it asks.
func TestUplinkSaysWhyItHasNotEnrolled(t *testing.T) {
	withEdge(t, welcomed, func(e *fakeEdge) {
		_ = e.ln.Close() // nobody answers
		tok := proto.Token{Kind: proto.TokenTunnel, Edges: []string{edgeAddr}, CA: make([]byte, 32), ID: "id", Secret: make([]byte, 32)}
		n := node.New(node.Config{
			Role: proto.RoleConnector, StateDir: t.TempDir(), Link: path.Config{Underlay: e.node},
			TokenSource: func(context.Context) (proto.Token, bool, error) { return tok, true, nil },
		})
		r, stop := e.run(n)
		defer stop()
		time.Sleep(time.Minute)
		last, s := r.up.Last(), n.Status()
		if !strings.HasPrefix(last.Error, "not enrolled yet: reach edge "+edgeAddr+": ") ||
			last.Hint != "is the edge running, and does UDP port 7844 reach it through every firewall?" || last.Since != r.up.Started() {
			t.Errorf("%+v", last)
		}
		if s.Identity != "" || !slices.Equal(s.Edges, tok.Edges) {
			t.Errorf("status %+v", s)
		}
		r.want(t)
	})
}

// Two machines with one identity, at an edge that does not know how to let one of them yield: they
// take the place from each other ever more rarely, though each holds it for some seconds.
func TestNoFightForAPlaceAtAnOlderEdge(t *testing.T) {
	var taken sync.WaitGroup
	older := func(l *link.Link, _ *proto.Hello) *proto.Control {
		taken.Go(func() {
			time.Sleep(6 * time.Second)
			_ = l.Close(proto.CodeReplaced, "a newer link of this connector took over")
		})
		return &proto.Control{Welcome: &proto.Welcome{Edge: "e"}}
	}
	withEdge(t, older, func(e *fakeEdge) {
		_, stop := e.start()
		time.Sleep(10 * time.Minute)
		stop()
		taken.Wait()
		if n, _, _ := e.newest(); n < 10 || n > 40 {
			t.Errorf("%d links in ten minutes", n)
		}
	})
}
