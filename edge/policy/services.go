package policy

import (
	"cmp"
	"container/heap"
	"slices"
)

// services is what several grants allow at one destination: for each protocol and port the first
// of them. A nil *services allows nothing.
type services struct {
	all    int // position of the first grant that allows everything
	first  int // of the first grant
	protos [3][]span
}

// span begins at a port and ends where the next one begins.
type span struct {
	from  uint16
	grant int
}

// slot returns the place of a protocol in services.protos, false for one that no grant can name.
func slot(p Proto) (int, bool) {
	switch p {
	case ICMP:
		return 0, true
	case TCP:
		return 1, true
	case UDP:
		return 2, true
	}
	return 0, false
}

// lookup returns the position of the first grant that allows the protocol and port of t, or noGrant.
func (s *services) lookup(t *Target) int {
	if s == nil {
		return noGrant
	}
	i, ok := slot(t.Proto)
	if !ok { // carried for nobody, which is said to who may reach the destination by any other
		return s.first
	}
	spans := s.protos[i]
	low, high := 0, len(spans) // the last span that begins at or before the port
	for low < high {
		if mid := (low + high) / 2; spans[mid].from <= t.Port {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low == 0 {
		return s.all
	}
	return min(s.all, spans[low-1].grant)
}

// allowed is a range of ports that the grant at a position allows.
type allowed struct {
	ports
	grant int
}

// newServices returns what the grants at these positions allow.
func newServices(grants []grant, at []int) *services {
	s := &services{all: noGrant, first: noGrant}
	var ranges [3][]allowed
	for _, i := range at {
		s.first = min(s.first, i)
		for _, h := range grants[i].how {
			if p, ok := slot(h.proto); h.any {
				s.all = min(s.all, i)
			} else if ok {
				ranges[p] = append(ranges[p], allowed{h, i})
			}
		}
	}
	for p, list := range ranges {
		s.protos[p] = spans(list)
	}
	return s
}

// spans lays ranges beside each other that may overlap: where several do, the first grant counts.
func spans(list []allowed) (out []span) {
	slices.SortFunc(list, func(a, b allowed) int { return cmp.Compare(a.from, b.from) })
	var open firstGrant
	put := func(port int) { // what holds from port on
		for len(open) > 0 && int(open[0].to) < port {
			heap.Pop(&open)
		}
		grant := noGrant
		if len(open) > 0 {
			grant = open[0].grant
		}
		switch n := len(out); {
		case n > 0 && out[n-1].grant == grant, n == 0 && grant == noGrant:
		case n > 0 && int(out[n-1].from) == port:
			out[n-1].grant = grant
		default:
			out = append(out, span{uint16(port), grant})
		}
	}
	for i, port := 0, 0; port <= 65535; {
		for ; i < len(list) && int(list[i].from) == port; i++ {
			heap.Push(&open, list[i])
		}
		put(port)
		next := 65536
		if i < len(list) {
			next = int(list[i].from)
		}
		if len(open) > 0 {
			next = min(next, int(open[0].to)+1)
		}
		port = next
	}
	return out
}

// firstGrant is a heap of ranges, the one of the first grant on top.
type firstGrant []allowed

// Len implements heap.Interface.
func (h firstGrant) Len() int { return len(h) }

// Less implements heap.Interface.
func (h firstGrant) Less(i, j int) bool { return h[i].grant < h[j].grant }

// Swap implements heap.Interface.
func (h firstGrant) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *firstGrant) Push(x any) { *h = append(*h, x.(allowed)) }

// Pop implements heap.Interface.
func (h *firstGrant) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
