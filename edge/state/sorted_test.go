package state

import (
	"cmp"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// entry is one change of the bucket; a nil value deletes.
type entry struct {
	jetstream.KeyValueEntry
	value []byte
}

func (e entry) Key() string   { return "key" }
func (e entry) Value() []byte { return e.value }

func (e entry) Operation() jetstream.KeyValueOp {
	if e.value == nil {
		return jetstream.KeyValuePurge
	}
	return jetstream.KeyValuePut
}

// Whatever is put and deleted between two snapshots, the list is what sorting everything would
// give, and those of snapshots before stay as they were.
func TestSortedListsAreMerged(t *testing.T) {
	s := newSorted(cmp.Compare[int])
	want := map[string]int{}
	rng := rand.New(rand.NewPCG(1, 2))
	var before, kept []int
	for round := range 500 {
		for range rng.IntN(5) {
			id, n := rng.IntN(50), rng.IntN(1000)
			key := strconv.Itoa(id)
			if n < 400 {
				delete(want, key)
				if err := s.apply(key, entry{}); err != nil {
					t.Fatal(err)
				}
				continue
			}
			value, err := json.Marshal(1000*id + n)
			if err != nil {
				t.Fatal(err)
			}
			want[key] = 1000*id + n
			if err := s.apply(key, entry{value: value}); err != nil {
				t.Fatal(err)
			}
		}
		got := s.snapshot()
		if !slices.Equal(got, slices.Sorted(maps.Values(want))) {
			t.Fatalf("round %d: %v, want %v", round, got, want)
		}
		if !slices.Equal(before, kept) {
			t.Fatalf("round %d changed the list of a snapshot before", round)
		}
		before, kept = got, slices.Clone(got)
	}
	if err := s.apply("1", entry{value: []byte("{")}); err == nil {
		t.Error("what is no value was taken")
	}
	if got := s.snapshot(); len(got) > 0 && &got[0] != &before[0] {
		t.Error("without a change the list is another one")
	}
}
