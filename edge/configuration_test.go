package edge

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/conf"
	"github.com/oneping/oneping/proto"
)

// prefixes returns n /24 networks from the first one on, sorted.
func prefixes(first, n int) []netip.Prefix {
	out := make([]netip.Prefix, n)
	for i := range out {
		x := first + i
		out[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(10 + x>>16), byte(x >> 8), byte(x), 0}), 24)
	}
	return out
}

func wanting(capture []netip.Prefix) *proto.Config {
	return &proto.Config{Device: "d", Capture: capture}
}

// all takes what is to be sent, as a link does that takes everything.
func (n *configuration) all() (out []proto.Config) {
	for m := n.next(); m != nil; m = n.next() {
		out = append(out, *m.Config)
	}
	return out
}

// greeted returns a configuration of a node that has been welcomed with capture and has said that
// it takes numbers.
func greeted(capture []netip.Prefix) *configuration {
	n := &configuration{diffs: new(differences)}
	n.want(wanting(capture))
	n.first()
	n.welcomed()
	n.answered(&proto.Applied{Number: 1})
	return n
}

func TestWhatIsSupersededIsNeverSent(t *testing.T) {
	n := greeted(prefixes(0, 10))
	list := prefixes(0, 1510)
	for i := range 1500 { // while the link does not drain
		if !n.want(wanting(list[:11+i])) {
			t.Fatalf("change %d is no news", i)
		}
	}
	got := n.all()
	if len(got) != 2 || got[0].Number != 1501 || got[0].Base != 1 || !got[0].More || got[1].Number != 1501 || got[1].More {
		t.Fatalf("%d messages: %.200v", len(got), got)
	}
	if sent := slices.Concat(got[0].Capture, got[1].Capture); !slices.Equal(sent, list[10:]) {
		t.Errorf("%d prefixes were sent as the change, want the 1,500 new ones", len(sent))
	}
	if n.next() != nil || n.want(wanting(slices.Clone(list))) {
		t.Error("the same again is news")
	}
}

func TestOneRouteCostsOneRoute(t *testing.T) {
	list := prefixes(0, 10_001)
	n := greeted(list[:10_000])
	if pages := n.all(); len(pages) != 9 || pages[8].More || pages[0].Base != 0 || pages[0].Number != 1 {
		t.Fatalf("the rest of the first one: %d pages", len(pages))
	}
	n.want(wanting(list))
	if got := n.all(); len(got) != 1 || got[0].Base != 1 || !slices.Equal(got[0].Capture, list[10_000:]) || got[0].Remove != nil || got[0].More {
		t.Errorf("added: %.300v", got)
	}
	n.want(wanting(list[1:]))
	if got := n.all(); len(got) != 1 || got[0].Base != 2 || got[0].Capture != nil || !slices.Equal(got[0].Remove, list[:1]) {
		t.Errorf("removed: %.300v", got)
	}
	changed := wanting(list[1:])
	changed.User = "bob"
	n.want(changed)
	if got := n.all(); len(got) != 1 || got[0].Base != 3 || len(got[0].Capture)+len(got[0].Remove) != 0 || got[0].User != "bob" {
		t.Errorf("another user: %.300v", got)
	}
	n.want(wanting(prefixes(20_000, 3))) // a change would be longer than the list
	if got := n.all(); len(got) != 1 || got[0].Base != 0 || len(got[0].Capture) != 3 {
		t.Errorf("another list: %.300v", got)
	}
}

// A node that has never said what it has may be older than changes are: it gets the whole list, as ever.
func TestWhoSaysNothingGetsTheWhole(t *testing.T) {
	n := &configuration{diffs: new(differences)}
	n.want(wanting(prefixes(0, 5)))
	if first := n.first(); first.Number != 1 || first.More || len(first.Capture) != 5 {
		t.Errorf("the welcome has %+v", first)
	}
	n.want(wanting(prefixes(0, 6)))
	if n.next() != nil {
		t.Error("something goes before the welcome")
	}
	n.welcomed()
	if got := n.all(); len(got) != 1 || got[0].Number != 2 || got[0].Base != 0 || len(got[0].Capture) != 6 {
		t.Errorf("%+v", got)
	}
}

// A newer one does not tear the pages of the one under way apart, and is announced in them.
func TestPagesAreNotTorn(t *testing.T) {
	list := prefixes(0, 2*maxPage+2)
	n := greeted(list[:1])
	n.want(wanting(list[:2*maxPage+1]))
	first := n.next().Config
	n.want(wanting(list))
	rest := n.all()
	if first.Newest != 0 || !first.More || len(rest) != 2 {
		t.Fatalf("%+.100v, then %d", first, len(rest))
	}
	if last := rest[0]; last.Number != 2 || last.Newest != 3 || last.More || len(last.Capture) != maxPage {
		t.Errorf("the last page is of %d, newest %d", last.Number, last.Newest)
	}
	if next := rest[1]; next.Number != 3 || next.Base != 2 || next.Newest != 0 || len(next.Capture) != 1 {
		t.Errorf("then %+v", next)
	}
}

func TestWhoAsksGetsTheWhole(t *testing.T) {
	n := greeted(prefixes(0, 3))
	n.want(wanting(prefixes(0, 4)))
	n.all()
	if n.answered(&proto.Applied{Number: 2}) || !n.answered(&proto.Applied{Number: 1, Whole: true}) {
		t.Error("what was asked for is not what is asked for")
	}
	if got := n.all(); len(got) != 1 || got[0].Number != 2 || got[0].Base != 0 || len(got[0].Capture) != 4 {
		t.Errorf("%+v", got)
	}
}

// The longest list there may be, of the longest prefixes, fits its pages.
func TestTheLongestListFits(t *testing.T) {
	list := make([]netip.Prefix, proto.MaxCapture)
	for i := range list {
		a := netip.MustParseAddr("fd6f:6e65:7069:1010:ffff:ffff:ffff:ffff").As16()
		a[10], a[11], a[12] = byte(i>>16)|0x80, byte(i>>8), byte(i)
		list[i] = netip.PrefixFrom(netip.AddrFrom16(a), 128)
	}
	n := &configuration{diffs: new(differences)}
	n.want(wanting(list))
	first, sent := n.first(), 0
	n.welcomed()
	for _, c := range append([]proto.Config{first}, n.all()...) {
		b, err := proto.AppendControl(nil, &proto.Control{Welcome: &proto.Welcome{Config: c}})
		if err != nil || len(b) > 64<<10 {
			t.Fatalf("a page of %d bytes: %v", len(b), err)
		}
		sent += len(c.Capture)
	}
	if sent != len(list) {
		t.Errorf("%d of %d prefixes were sent", sent, len(list))
	}
}

func TestDifference(t *testing.T) {
	all := prefixes(0, 6)
	for _, c := range []struct{ from, to, add, remove []netip.Prefix }{
		{nil, all, all, nil},
		{all, nil, nil, all},
		{all, all, nil, nil},
		{all[:4], all[2:], all[4:], all[:2]},
		{all[2:], all[:4], all[:2], all[4:]},
	} {
		var d differences
		for range 2 { // the second time from memory
			add, remove := d.between(c.from, c.to)
			if fmt.Sprint(add) != fmt.Sprint(c.add) || fmt.Sprint(remove) != fmt.Sprint(c.remove) {
				t.Errorf("%v to %v: add %v, remove %v", c.from, c.to, add, remove)
			}
		}
	}
}

func TestStatusNamesWhoIsBehind(t *testing.T) {
	list := make([]NodeStatus, 5)
	for i := range list {
		list[i] = NodeStatus{ID: fmt.Sprint("d", i), Configuration: &proto.Progress{Applied: 2, Newest: 2}}
	}
	for behind, want := range []string{
		"5 connected",
		"5 connected, 1 behind: d0 has configuration 1 of 2",
		"5 connected, 2 behind: d0 has configuration 1 of 2, d1 has configuration 1 of 2",
		"5 connected, 3 behind: d0 has configuration 1 of 2, d1 has configuration 1 of 2, d2 has configuration 1 of 2",
		"5 connected, 4 behind: d0 has configuration 1 of 2, d1 has configuration 1 of 2, d2 has configuration 1 of 2, …: oneping device list",
	} {
		if got := devices(list); got != want {
			t.Errorf("%d behind: %s", behind, got)
		}
		list[behind].Configuration.Applied = 1
	}
}

func TestTooManyAreRefused(t *testing.T) {
	_, err := New(Config{StateDir: t.TempDir(), Capture: prefixes(0, proto.MaxCapture-1)})
	if e, ok := err.(*conf.FieldError); !ok || e.Field != "capture" || advice.Of(err) == "" || e.Err.Error() != "100001 prefixes are captured, a client takes 100000 at most" {
		t.Errorf("%v", err)
	}
	if _, err := New(Config{StateDir: t.TempDir(), Capture: prefixes(0, proto.MaxCapture-2)}); err != nil {
		t.Error(err)
	}
}
