package table_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/table"
	"github.com/oneping/oneping/proto/packet"
)

func TestShares(t *testing.T) {
	for _, c := range []struct {
		name        string
		limit, each int
		held        map[string]int
		want        table.Room // of another entry of "a"
	}{
		{"unbounded", 0, 0, map[string]int{"a": 1000}, table.RoomFree},
		{"bound on one holder", 0, 10, map[string]int{"a": 10}, table.RoomOwn},
		{"below half", 100, 0, map[string]int{"a": 40, "b": 9}, table.RoomFree},
		{"half, above its share of three", 100, 0, map[string]int{"a": 40, "b": 5, "c": 5}, table.RoomOwn},
		{"half, below its share", 100, 0, map[string]int{"a": 24, "b": 13, "c": 13}, table.RoomFree},
		{"alone", 100, 0, map[string]int{"a": 99}, table.RoomFree},
		{"alone and full", 100, 0, map[string]int{"a": 100}, table.RoomOwn},
		{"first in a full table", 100, 0, map[string]int{"b": 100}, table.RoomLargest},
		{"last of its share in a full table", 100, 0, map[string]int{"a": 49, "b": 51}, table.RoomLargest},
		{"its share in a full table", 100, 0, map[string]int{"a": 50, "b": 50}, table.RoomOwn},
		{"as many holders as places", 3, 0, map[string]int{"b": 1, "c": 2}, table.RoomLargest},
		{"more holders than places", 3, 0, map[string]int{"b": 1, "c": 1, "d": 1}, table.RoomAny},
	} {
		s := table.NewShares[string](c.limit, c.each)
		for h, n := range c.held {
			for range n {
				s.Add(h)
			}
		}
		if got := s.Ask("a"); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// Two hogs fill a table and keep all of it in use. Whoever comes gets in, up to the same share.
func TestTwoHogsKeepNobodyOut(t *testing.T) {
	owned := make(map[int]string)
	tab := table.New[int, string](table.Config[int, string]{Max: 80, MaxPerOwner: 40, Keep: time.Hour, Tentative: true, OnEvict: func(k int, _ string, why packet.Reason) {
		if why != packet.Superseded {
			t.Errorf("%d was evicted for %v", k, why)
		}
		delete(owned, k)
	}})
	key := 0
	open := func(owner string) packet.Reason {
		key++
		r := tab.Add(at(float64(key)), key, owner, "", time.Hour)
		if r == packet.OK {
			tab.Confirm(key)
			owned[key] = owner
		}
		return r
	}
	have := func(owner string) (n int) {
		for _, o := range owned {
			if o == owner {
				n++
			}
		}
		return n
	}
	for range 50 {
		open("hog a")
		open("hog b")
	}
	if a, b := have("hog a"), have("hog b"); a != 40 || b != 40 {
		t.Fatalf("the hogs have %d and %d", a, b)
	}
	for i := range 26 {
		if r := open("honest"); r != packet.OK {
			t.Fatalf("honest %d: %v", i, r)
		}
		open("hog a")
		open("hog b")
	}
	if r := open("honest"); r != packet.TableFull { // a share and no more
		t.Errorf("beyond its share: %v", r)
	}
	if a, b, c := have("hog a"), have("hog b"), have("honest"); a != 27 || b != 27 || c != 26 {
		t.Errorf("shares %d, %d, %d of 80", a, b, c)
	}
	if tab.Len() != 80 {
		t.Errorf("%d entries", tab.Len())
	}
}

func TestDeleteOwner(t *testing.T) {
	tab := table.New[int, string](table.Config[int, string]{Tentative: true, OnEvict: func(int, string, packet.Reason) { t.Error("called") }})
	for k, v := range []string{"a0", "b1", "a2", "b3", "a4"} {
		tab.Add(at(0), k, v[:1], v, time.Minute)
	}
	tab.Confirm(2)
	got := tab.DeleteOwner("a")
	slices.Sort(got)
	if !slices.Equal(got, []string{"a0", "a2", "a4"}) || tab.Len() != 2 || tab.DeleteOwner("a") != nil {
		t.Errorf("deleted %q, %d left", got, tab.Len())
	}
}

// used is an Idler.
type used struct{ at int64 }

func (u *used) LastUsed() int64 { return u.at }

func TestPlaces(t *testing.T) {
	p := table.NewPlaces[string, *used](6, 0)
	var all []*used
	add := func(h string) (*table.Place[string, *used], *used, packet.Reason) {
		u := &used{at: int64(len(all))}
		all = append(all, u)
		place, out, made, r := p.Add(h, u)
		if made != (out != nil) {
			t.Fatalf("made room %v: %v", made, out)
		}
		return place, out, r
	}
	var places []*table.Place[string, *used]
	for range 6 {
		place, out, r := add("hog")
		if out != nil || r != packet.OK {
			t.Fatalf("%v, %v", out, r)
		}
		places = append(places, place)
	}
	if _, _, r := add("hog"); r != packet.TableFull || p.Len() != 6 {
		t.Fatalf("a seventh: %v", r)
	}
	all[0].at, all[1].at = 100, 101 // in use
	if _, out, r := add("honest"); r != packet.OK || out != all[2] {
		t.Errorf("%v made room, %v; want the idlest", out, r)
	}
	if !p.Replace(places[3], all[6]) || p.Replace(places[2], all[6]) {
		t.Error("a place that was lost can be handed over, or one that was not cannot")
	}
	p.Remove(places[2]) // lost already
	all[6].at = 102
	if _, out, r := add("honest"); r != packet.OK || out != all[4] {
		t.Errorf("%v made room, %v; want the idlest", out, r)
	}
	if hog, n := p.Of("hog"), len(p.All()); len(hog) != 4 || n != 6 || slices.Contains(hog, all[3]) || !slices.Contains(hog, all[6]) {
		t.Errorf("the hog has %d of %d", len(hog), n)
	}
	p.Remove(places[0])
	if _, out, r := add("third"); r != packet.OK || out != nil || p.Len() != 6 || p.Of("nobody") != nil {
		t.Errorf("in a free place: %v made room, %v, %d in all", out, r, p.Len())
	}
}

// Where every entry of the largest holder has been used since it was let in, the search ends all
// the same.
func TestPlacesLookAtFew(t *testing.T) {
	p := table.NewPlaces[string, *used](1000, 0)
	var hog []*used
	for i := range 1000 {
		u := &used{at: int64(i)}
		hog = append(hog, u)
		p.Add("hog", u)
	}
	for i, u := range hog {
		u.at = int64(5000 - i)
	}
	_, out, _, _ := p.Add("honest", &used{})
	if i := slices.Index(hog, out); i != 15 { // the idlest of the 16 that were let in first
		t.Errorf("entry %d made room", i)
	}
}

// A holder that has its share has room for another of its own while some of its entries are
// tentative, the idlest of which goes; those that were confirmed stay.
func TestTentativePlacesYield(t *testing.T) {
	for name, p := range map[string]*table.Places[string, *used]{
		"a bound on each": table.NewPlaces[string, *used](0, 3), "a bound on all": table.NewPlaces[string, *used](3, 0),
	} {
		open := make([]*used, 3)
		places := make([]*table.Place[string, *used], 3)
		for i := range open {
			open[i] = &used{at: int64(i)}
			places[i], _, _, _ = p.AddTentative("h", open[i])
		}
		p.Confirm(places[0])
		for _, want := range open[1:] {
			kept := &used{at: 9}
			if _, out, made, r := p.Add("h", kept); r != packet.OK || !made || out != want {
				t.Errorf("%s: %v made room, %v", name, out, r)
			}
		}
		p.Confirm(places[1]) // lost already
		if _, _, made, r := p.AddTentative("h", &used{}); r != packet.TableFull || made || len(p.Of("h")) != 3 {
			t.Errorf("%s: with nobody tentative: %v, %d entries", name, r, len(p.Of("h")))
		}
		p.Remove(places[0])
		p.Remove(places[0])
		if p.Len() != 2 {
			t.Errorf("%s: %d entries", name, p.Len())
		}
	}
	// The largest holder's tentative entry goes before one in use, and for a stranger, too, where
	// there are more holders than places.
	p := table.NewPlaces[string, *used](2, 0)
	kept, tried := &used{at: 1}, &used{at: 2}
	p.Add("h", kept)
	p.AddTentative("h", tried)
	if _, out, _, r := p.AddTentative("other", &used{at: 3}); r != packet.OK || out != tried {
		t.Errorf("%v made room, %v", out, r)
	}
	if _, out, made, r := p.Add("third", &used{at: 4}); made != (r == packet.OK) || made && out.at != 3 {
		t.Errorf("more holders than places: %v, %v", out, r)
	}
}

// Random holders come and go: who is below its share is never refused, and the table never exceeds
// its bound.
func TestPlacesAgainstAModel(t *testing.T) {
	const limit, each = 60, 25
	r := rand.New(rand.NewPCG(3, 4))
	p := table.NewPlaces[int, *used](limit, each)
	type mine struct {
		u     *used
		place *table.Place[int, *used]
	}
	held := make(map[int][]mine)
	n := 0
	for now := range 50_000 {
		h := r.IntN(9)
		if i := len(held[h]); i > 0 && r.IntN(5) == 0 {
			at := r.IntN(i)
			p.Remove(held[h][at].place)
			held[h] = slices.Delete(held[h], at, at+1)
			n--
			continue
		}
		holders := 0
		for o := range 9 {
			if o == h || len(held[o]) > 0 {
				holders++
			}
		}
		u := &used{at: int64(now)}
		place, out, made, why := p.Add(h, u)
		if why != packet.OK {
			if len(held[h]) < min(each, limit/holders) {
				t.Fatalf("%d was refused with %d, %d holders", h, len(held[h]), holders)
			}
			continue
		}
		held[h] = append(held[h], mine{u, place})
		if n++; made {
			n--
			for o, m := range held {
				held[o] = slices.DeleteFunc(m, func(x mine) bool { return x.u == out })
			}
		}
		if p.Len() != n || n > limit {
			t.Fatalf("%d places, want %d", p.Len(), n)
		}
	}
}
