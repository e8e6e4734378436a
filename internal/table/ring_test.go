package table

import (
	"slices"
	"testing"
)

// newestFirst returns what a ring keeps.
func newestFirst(r *Ring[int]) (all []int) {
	for i := range r.Len() {
		all = append(all, *r.Newest(i))
	}
	return all
}

func TestRing(t *testing.T) {
	r := NewRing[int](3)
	for _, c := range []struct {
		put    int
		grow   int // before
		want   []int
		oldest int // 0: nobody makes room
	}{
		{put: 1, want: []int{1}},
		{put: 2, want: []int{2, 1}},
		{put: 3, want: []int{3, 2, 1}, oldest: 1},
		{put: 4, want: []int{4, 3, 2}, oldest: 2},
		{put: 5, grow: 2, want: []int{5, 4, 3, 2}},
		{put: 6, want: []int{6, 5, 4, 3, 2}, oldest: 2},
		{put: 7, want: []int{7, 6, 5, 4, 3}, oldest: 3},
	} {
		if c.grow > 0 {
			r.Grow(c.grow)
		}
		*r.Put() = c.put
		if got := newestFirst(&r); !slices.Equal(got, c.want) {
			t.Errorf("after %d: %v, want %v", c.put, got, c.want)
		}
		if got := r.Oldest(); (got == nil) != (c.oldest == 0) || got != nil && *got != c.oldest {
			t.Errorf("after %d: the oldest is %v, want %d", c.put, got, c.oldest)
		}
	}
	short := NewRing[int](2)
	*short.Put() = 1
	short.Grow(1)
	*short.Put() = 2
	if got := newestFirst(&short); !slices.Equal(got, []int{2, 1}) || short.Limit() != 3 {
		t.Errorf("grown while it had room: %v", got)
	}
}
