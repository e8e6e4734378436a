package journal

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// lived returns a disk whose journal goes on behind a snapshot, and what the store has: tunnels a to c,
// b changed, device d deleted, route e added, at revision 8.
func lived(t *testing.T) (*memory, *Image) {
	t.Helper()
	im := imageOf("tunnel.a", "tunnel.b", "tunnel.c", "device.d")
	m, j := begun(t, im)
	for _, r := range []Record{
		{Revision: 5, Op: Put, Key: "tunnel.b", Value: []byte("changed")},
		{Revision: 6, Op: Delete, Key: "device.d"},
		{Revision: 8, Op: Put, Key: "route.e", Value: []byte("added")}, // 7 is another edge's, overwritten since
	} {
		im.Apply(r)
		if err := j.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	return m, im
}

// What a store can have less is found, by key.
func TestCompare(t *testing.T) {
	m, im := lived(t)
	for name, c := range map[string]struct {
		damage func(*Store)
		want   Difference
	}{
		"whole":               {func(*Store) {}, Difference{}},
		"newer":               {func(s *Store) { s.Live["tunnel.b"] = Entry{9, []byte("newer")}; s.Revision = 9 }, Difference{}},
		"newer, deleted":      {func(s *Store) { delete(s.Live, "tunnel.b"); s.Gone["tunnel.b"] = 9; s.Revision = 9 }, Difference{}},
		"empty":               {func(s *Store) { *s = Store{} }, Difference{Lost: []string{"route.e", "tunnel.a", "tunnel.b", "tunnel.c"}, Behind: true}},
		"one is lost":         {func(s *Store) { delete(s.Live, "tunnel.c") }, Difference{Lost: []string{"tunnel.c"}}},
		"the last is lost":    {func(s *Store) { delete(s.Live, "route.e"); s.Revision = 6 }, Difference{Lost: []string{"route.e"}, Behind: true}},
		"older":               {func(s *Store) { s.Live["tunnel.b"] = im.entries["tunnel.a"] }, Difference{Older: []string{"tunnel.b"}}},
		"another value":       {func(s *Store) { s.Live["tunnel.a"] = Entry{1, []byte("x")} }, Difference{Older: []string{"tunnel.a"}}},
		"a deleted one is up": {func(s *Store) { s.Live["device.d"] = Entry{4, nil}; delete(s.Gone, "device.d") }, Difference{Risen: []string{"device.d"}}},
		"one nobody knows":    {func(s *Store) { s.Live["device.x"] = Entry{3, nil} }, Difference{Risen: []string{"device.x"}}},
		"nothing but older":   {func(s *Store) { s.Revision = 7 }, Difference{Behind: true}},
	} {
		s := storeOf(im)
		c.damage(s)
		c.want.Acknowledged, c.want.Revision = 8, s.Revision
		got := evidenceOf(t, m).Compare(s)
		if diff := cmp.Diff(&c.want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
		if want := name == "whole" || name == "newer" || name == "newer, deleted"; got.None() != want {
			t.Errorf("%s: none %v", name, got.None())
		}
	}
}

// Whatever happens to one file, a store that is whole is taken or nothing can be proven: never is
// something said to be lost. And where the file is not short, a store that has less is never taken.
func TestEveryDamageOfTheEvidence(t *testing.T) {
	m, im := lived(t)
	less := storeOf(im)
	delete(less.Live, "tunnel.c")
	taken, unproven := 0, 0
	judge := func(name string, b []byte, short bool) {
		t.Helper()
		d := m.after(all)
		if b == nil {
			delete(d.names, name)
		} else {
			d.names[name].now = b
		}
		ev := evidenceOf(t, d)
		if len(ev.Faults) == 0 {
			t.Errorf("%s: no fault was found", name)
		}
		got := ev.Compare(storeOf(im))
		if len(got.Lost)+len(got.Older)+len(got.Risen) > 0 || got.Behind {
			t.Errorf("%s: a store that is whole is said to differ: %+v, %v", name, got, ev.Faults)
		}
		if got.None() {
			taken++
		} else {
			unproven++
		}
		if !short && ev.Compare(less).None() {
			t.Errorf("%s: a store that has less is taken: %v", name, ev.Faults)
		}
		j, err := goOn(d, ev, *im)
		if err != nil {
			t.Fatal(err)
		}
		if again := evidenceOf(t, d); len(again.Faults) > 0 || again.Revision != 8 || j.Revision() != 8 {
			t.Errorf("%s: written anew it has %v", name, again.Faults)
		}
	}
	for name, end := range map[string]int{JournalFile: int(evidenceOf(t, m).size), SnapshotFile: len(m.names[SnapshotFile].now)} {
		whole := m.names[name].now
		for bit := range 8 * min(len(whole), end+100) { // some of the journal's empty part, too
			b := bytes.Clone(whole)
			b[bit/8] ^= 1 << (bit % 8)
			judge(name, b, false)
		}
		for n := range min(len(whole), end+1) {
			judge(name, whole[:n], true)
		}
		judge(name, make([]byte, len(whole)), true)
		judge(name, nil, true)
	}
	t.Logf("%d times the store was taken, %d times nothing was proven", taken, unproven)
}

// With both files damaged what can be read is read, and is known not to be all.
func TestWhatIsLeft(t *testing.T) {
	m, _ := lived(t)
	snapshot := m.names[SnapshotFile].now
	i := bytes.Index(snapshot, []byte("value of tunnel.a"))
	snapshot[i] ^= 1
	journal := m.names[JournalFile].now
	journal[bytes.Index(journal, []byte("changed"))] ^= 1
	ev := evidenceOf(t, m)
	if ev.Complete() || ev.Whole() || ev.Revision != 8 || ev.Count() != 4 {
		t.Errorf("revision %d, %d keys, whole %v", ev.Revision, ev.Count(), ev.Whole())
	}
	keys := slices.Sorted(maps.Keys(ev.Image.entries))
	if want := []string{"route.e", "tunnel.b", "tunnel.c"}; !slices.Equal(keys, want) {
		t.Errorf("what is left: %v, want %v", keys, want)
	}
}
