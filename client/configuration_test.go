package client

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/oneping/oneping/proto"
)

// answers is a link whose edge reads when it is asked to.
type answers struct{ next func() *proto.Control }

func (a *answers) Remote() netip.AddrPort                { return netip.AddrPort{} }
func (a *answers) SendLatest(next func() *proto.Control) { a.next = next }

// read returns what the edge is told now; the zero Applied: nothing.
func (a *answers) read(t *testing.T) (out proto.Applied) {
	t.Helper()
	if a.next == nil {
		return out
	}
	if m := a.next(); m != nil {
		out = *m.Applied
	}
	if a.next() != nil {
		t.Error("the edge is told twice")
	}
	return out
}

func nets(words ...string) (out []netip.Prefix) {
	for _, w := range words {
		out = append(out, netip.MustParsePrefix(w))
	}
	return out
}

// wants applies what waits, and checks it.
func (n *configuration) wants(t *testing.T, number uint64, capture ...string) waiting {
	t.Helper()
	select {
	case <-n.wake:
	default:
		t.Fatalf("configuration %d: nothing is to be applied", number)
	}
	w, ok := n.take()
	if !ok || w.number != number || !slices.Equal(w.capture, nets(capture...)) {
		t.Errorf("take = %v, %v, %v; want %d with %v", w.number, w.capture, ok, number, capture)
	}
	return w
}

func (n *configuration) takes(t *testing.T, pages ...proto.Config) {
	t.Helper()
	for i := range pages {
		if err := n.page(&pages[i]); err != nil {
			t.Fatal(err)
		}
	}
}

func TestChangesAddUp(t *testing.T) {
	var edge answers
	n := newConfiguration()
	n.begin(&edge)
	n.takes(t, proto.Config{Number: 1, Capture: nets("10.1.0.0/16"), More: true})
	if _, ok := n.take(); ok || len(n.wake) > 0 {
		t.Error("half a configuration is to be applied")
	}
	if p := n.progress(); !p.Behind() || p.String() != "configuration 0 of 1" {
		t.Errorf("progress %v", p)
	}
	n.takes(t, proto.Config{Number: 1, Capture: nets("10.2.0.0/16")})
	w := n.wants(t, 1, "10.1.0.0/16", "10.2.0.0/16")
	n.takes(t, // while the host is being changed
		proto.Config{Number: 2, Base: 1, Capture: nets("10.3.0.0/16"), Remove: nets("10.1.0.0/16")},
		proto.Config{Number: 4, Base: 2, Capture: nets("10.0.0.0/16")},
		proto.Config{Number: 5, Base: 4, Remove: nets("10.0.0.0/16"), Newest: 9},
	)
	n.applied(&w, nil)
	if got := edge.read(t); got != (proto.Applied{Number: 1}) {
		t.Errorf("the edge is told %+v", got)
	}
	if p := n.progress(); p.String() != "configuration 1 of 9" {
		t.Errorf("progress %v", p)
	}
	w = n.wants(t, 5, "10.2.0.0/16", "10.3.0.0/16")
	n.applied(&w, errors.New("no room"))
	if got := edge.read(t); got != (proto.Applied{Number: 5, Error: "no room"}) {
		t.Errorf("the edge is told %+v", got)
	}
	if p := n.progress(); p.String() != "configuration 5 of 9 (no room)" {
		t.Errorf("progress %v", p)
	}
}

// A change of what this device does not have is not applied: it asks for the whole, once, and goes
// on from there.
func TestAChangeThatDoesNotFit(t *testing.T) {
	var edge answers
	n := newConfiguration()
	n.begin(&edge)
	n.takes(t, proto.Config{Number: 1, Capture: nets("10.1.0.0/16")})
	w := n.wants(t, 1, "10.1.0.0/16")
	n.applied(&w, nil)
	edge.read(t)
	n.takes(t, proto.Config{Number: 3, Base: 2, Capture: nets("10.3.0.0/16")})
	if got := edge.read(t); got != (proto.Applied{Number: 1, Whole: true}) {
		t.Errorf("the edge is told %+v", got)
	}
	n.takes(t, proto.Config{Number: 4, Base: 3, Capture: nets("10.4.0.0/16")})
	if got := edge.read(t); got != (proto.Applied{}) {
		t.Errorf("the edge is asked again: %+v", got)
	}
	if _, ok := n.take(); ok || len(n.wake) > 0 {
		t.Error("something is to be applied")
	}
	n.takes(t, proto.Config{Number: 4, Capture: nets("10.4.0.0/16")}, proto.Config{Number: 5, Base: 4, Capture: nets("10.5.0.0/16")})
	n.wants(t, 5, "10.4.0.0/16", "10.5.0.0/16")
}

// The pages of one change are not mistaken for those of another.
func TestAPageThatIsMissing(t *testing.T) {
	var edge answers
	n := newConfiguration()
	n.begin(&edge)
	n.takes(t,
		proto.Config{Number: 1},
		proto.Config{Number: 2, Base: 1, Capture: nets("10.1.0.0/16"), More: true},
		proto.Config{Number: 3, Base: 1, Capture: nets("10.2.0.0/16")},
	)
	if got := edge.read(t); !got.Whole {
		t.Errorf("the edge is told %+v", got)
	}
	if _, ok := n.take(); ok {
		t.Error("half of one and half of another is to be applied")
	}
}

// Numbers are those of one link: an edge that has started again begins with 1.
func TestANewLinkBeginsAnew(t *testing.T) {
	var before, edge answers
	n := newConfiguration()
	n.begin(&before)
	n.takes(t, proto.Config{Number: 7, Capture: nets("10.7.0.0/16")})
	w := n.wants(t, 7, "10.7.0.0/16")
	n.begin(&edge)
	n.takes(t, proto.Config{Number: 1, Capture: nets("10.1.0.0/16")})
	n.applied(&w, nil) // that of the link before, late
	if edge.read(t) != (proto.Applied{}) || before.read(t) != (proto.Applied{}) {
		t.Error("somebody is told of a configuration of the link before")
	}
	if w = n.wants(t, 1, "10.1.0.0/16"); !w.first {
		t.Error("it is not the first of its link")
	}
}

// An edge that does not number sends everything each time, and is told nothing.
func TestAnEdgeThatDoesNotNumber(t *testing.T) {
	var edge answers
	n := newConfiguration()
	n.begin(&edge)
	for _, p := range []string{"10.1.0.0/16", "10.2.0.0/16"} {
		n.takes(t, proto.Config{Capture: nets(p)})
		w := n.wants(t, 0, p)
		n.applied(&w, nil)
	}
	if edge.read(t) != (proto.Applied{}) || n.progress().Behind() {
		t.Errorf("progress %+v", n.progress())
	}
}

func TestAListOverTheBound(t *testing.T) {
	n := newConfiguration()
	n.begin(&answers{})
	list := make([]netip.Prefix, proto.MaxCapture+1)
	for i := range list {
		list[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
	}
	n.takes(t, proto.Config{Number: 1, Capture: list[1:], More: true})
	if err := n.page(&proto.Config{Number: 1, Capture: list[:1]}); err == nil || err.Error() != "take configuration 1: more than 100000 prefixes" {
		t.Errorf("one more: %v", err)
	}
}
