package table

import "testing"

// One more than it holds forgets the one that was not used for longest, and no other.
func TestRecentForgetsTheIdlest(t *testing.T) {
	r := NewRecent[int, string](3)
	for k, v := range []string{"zero", "one", "two"} {
		if r.Put(k, v) {
			t.Errorf("%d made another forgotten while there was room", k)
		}
	}
	if v, ok := r.Get(0); !ok || v != "zero" { // used: 1 is the idlest now
		t.Errorf("0 is %q, %v", v, ok)
	}
	if !r.Put(3, "three") || r.Len() != 3 {
		t.Errorf("%d are known, want 3", r.Len())
	}
	if r.Put(2, "TWO") { // known: used, and set
		t.Error("a known key made another forgotten")
	}
	r.Put(4, "four")
	for k, want := range []string{"", "", "TWO", "three", "four"} {
		if v, ok := r.Get(k); v != want || ok != (want != "") {
			t.Errorf("%d is %q, %v, want %q", k, v, ok, want)
		}
	}
}

func TestRecentDoesNotAllocate(t *testing.T) {
	r := NewRecent[int, int](8)
	for k := range 16 {
		r.Put(k, k)
	}
	next := 16
	if n := testing.AllocsPerRun(1000, func() {
		r.Put(next, next)
		r.Get(next)
		next++
	}); n != 0 {
		t.Errorf("%v allocations when it is full", n)
	}
}
