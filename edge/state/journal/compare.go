package journal

import (
	"bytes"
	"maps"
	"slices"
)

// Store is what a store gives.
type Store struct {
	Revision uint64            // of its newest change
	Live     map[string]Entry  // keys that exist
	Gone     map[string]uint64 // keys of which it remembers that they were deleted, and when
}

// Difference is what a store has less, or other, than was acknowledged. Keys are in order.
type Difference struct {
	Acknowledged, Revision uint64   // what was acknowledged; what the store is at
	Lost                   []string // keys that are not there
	Older                  []string // keys with an older value, or with another of the same revision
	Risen                  []string // keys that had been deleted
	// Behind says that the store's newest change is older than what was acknowledged.
	Behind bool
	// Unproven says that the evidence is so damaged that it cannot tell.
	Unproven bool
}

// None says whether the store has everything that was acknowledged.
func (d *Difference) None() bool {
	return !d.Behind && !d.Unproven && len(d.Lost)+len(d.Older)+len(d.Risen) == 0
}

// Compare judges a store by the evidence. What is newer in the store than the evidence is no
// difference: it was written, and the edge ended before it was acknowledged.
func (ev *Evidence) Compare(s *Store) *Difference {
	d := &Difference{Acknowledged: ev.Revision, Revision: s.Revision}
	if ev.None {
		return d
	}
	d.Behind = s.Revision < ev.Revision || ev.begun && s.Revision == ev.Revision
	for _, key := range slices.Sorted(maps.Keys(ev.Image.entries)) {
		kept, has := ev.Image.entries[key], s.Live[key]
		_, there := s.Live[key]
		switch {
		case !there && s.Gone[key] <= kept.Revision:
			d.Lost = append(d.Lost, key)
		case there && (has.Revision < kept.Revision || has.Revision == kept.Revision && !bytes.Equal(has.Value, kept.Value)):
			d.Older = append(d.Older, key)
		}
	}
	whole := ev.Whole()
	for _, key := range slices.Sorted(maps.Keys(s.Live)) {
		has := s.Live[key]
		if _, kept := ev.Image.entries[key]; !kept && (has.Revision <= ev.Image.gone[key] || whole && has.Revision <= ev.Revision) {
			d.Risen = append(d.Risen, key)
		}
	}
	d.Unproven = ev.short || !whole && !ev.sameSum(s)
	return d
}

// sameSum says whether a store has exactly the keys and values that there were at Revision.
func (ev *Evidence) sameSum(s *Store) bool {
	if s.Revision != ev.Revision || len(s.Live) != int(ev.count) {
		return false
	}
	var sum Sum
	for key, e := range s.Live {
		sum.toggle(key, e.Value)
	}
	return sum == ev.sum
}
