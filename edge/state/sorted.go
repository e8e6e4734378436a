package state

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// sorted is what the draft has of a kind whose list may be long. A change costs one walk over the
// list, not another sort of all of it: routes are added by the thousand, one by one.
type sorted[T any] struct {
	compare func(a, b T) int
	values  map[string]T  // by key
	touched map[string]*T // keys changed since list was made: what list holds of them, nil for nothing
	list    []T           // of the last snapshot; never changed
}

func newSorted[T any](compare func(a, b T) int) sorted[T] {
	return sorted[T]{compare: compare, values: map[string]T{}, touched: map[string]*T{}, list: []T{}}
}

// apply sets or deletes one element.
func (s *sorted[T]) apply(id string, e jetstream.KeyValueEntry) error {
	var value T
	put := e.Operation() == jetstream.KeyValuePut
	if put {
		if err := json.Unmarshal(e.Value(), &value); err != nil {
			return fmt.Errorf("read store: key %s: %w", e.Key(), err)
		}
	}
	if _, again := s.touched[id]; !again {
		s.touched[id] = nil
		if old, ok := s.values[id]; ok {
			s.touched[id] = &old
		}
	}
	if put {
		s.values[id] = value
	} else {
		delete(s.values, id)
	}
	return nil
}

// snapshot returns the list as it is now.
func (s *sorted[T]) snapshot() []T {
	if len(s.touched) == 0 {
		return s.list
	}
	var gone, come []T
	for id, old := range s.touched {
		if old != nil {
			gone = append(gone, *old)
		}
		if value, ok := s.values[id]; ok {
			come = append(come, value)
		}
	}
	slices.SortFunc(gone, s.compare)
	slices.SortFunc(come, s.compare)
	s.list = s.merge(gone, come)
	clear(s.touched)
	return s.list
}

// merge returns list without gone and with come; all are sorted.
func (s *sorted[T]) merge(gone, come []T) []T {
	out := make([]T, 0, len(s.list)+len(come)-len(gone))
	for _, x := range s.list {
		if len(gone) > 0 && s.compare(gone[0], x) == 0 {
			gone = gone[1:]
			continue
		}
		for len(come) > 0 && s.compare(come[0], x) < 0 {
			out, come = append(out, come[0]), come[1:]
		}
		out = append(out, x)
	}
	return append(out, come...)
}
