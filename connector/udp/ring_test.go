package udp

import (
	"bytes"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/table"
)

// testRing is a ring whose destination was heard when the session began.
func testRing() ring { return ring{sent: table.NewRing[sent](ringSize)} }

func TestRingNamesThePacket(t *testing.T) {
	for _, c := range []struct {
		name string
		data []byte
		tag  uint16 // 0: none
	}{
		{"whole", []byte("first"), 1},
		{"whole, again", []byte("first"), 1}, // named already, and still the only one
		{"cut short", []byte("second"), 2},
		{"padded by RFC 4884", append([]byte("first"), make([]byte, 100)...), 1},
		{"nothing quoted", nil, 3},
		{"another", []byte("third"), 0},
	} {
		r := testRing()
		r.remember(1, 1, 3, []byte("first"))
		r.remember(2, 2, 4, []byte("second, and longer than thirty-two bytes it is"))
		if c.name != "another" {
			r.remember(3, 3, 5, nil)
		}
		if c.name == "whole, again" {
			r.match([]byte("first"), 0)
		}
		got := r.match(c.data, 0)
		switch {
		case got == nil && c.tag != 0:
			t.Errorf("%s: none, want %d", c.name, c.tag)
		case got != nil && got.tag != c.tag:
			t.Errorf("%s: tag %d, want %d", c.name, got.tag, c.tag)
		}
	}
}

func TestRingEqualPayloads(t *testing.T) {
	for _, c := range []struct {
		name  string
		since time.Duration
		want  []uint16
	}{
		{"all awaited: in order, then the newest", 1, []uint16{1, 2, 3, 4, 4}},
		{"the first two are lost", 3, []uint16{3, 4, 2, 1, 4}},
		{"nothing is awaited any more", 5, []uint16{4, 3, 2, 1, 4}},
	} {
		r := testRing()
		for i := range 4 {
			r.remember(time.Duration(i+1), uint16(i+1), 9, []byte("probe"))
		}
		for i, want := range c.want {
			if got := r.match([]byte("probe"), c.since); got == nil || got.tag != want {
				t.Errorf("%s: error %d names %+v, want tag %d", c.name, i, got, want)
			}
		}
	}
}

func TestRingTellsLengthsApart(t *testing.T) {
	r := testRing()
	for i, n := range []int{40, 60, 80} {
		r.remember(1, uint16(i), 9, make([]byte, n))
	}
	if got := r.match(make([]byte, 60), 0); got == nil || got.tag != 1 {
		t.Errorf("got %+v, want the packet of 60 bytes", got)
	}
}

func TestRingConfuses(t *testing.T) {
	probe, long := []byte("probe"), make([]byte, 200)
	for _, c := range []struct {
		name    string
		since   time.Duration
		ttl     uint8
		payload []byte
		want    bool
		before  func(r *ring)
	}{
		{"another TTL", 0, 4, probe, true, nil},
		{"the same TTL", 0, 3, probe, false, nil},
		{"another payload", 0, 4, []byte("other"), false, nil},
		{"another length", 0, 4, []byte("probe!"), false, nil},
		{"longer than what routers quote", 0, 4, append(long, 1), true, func(r *ring) { r.remember(11, 2, 3, long) }},
		{"answered", 0, 4, probe, false, func(r *ring) { r.match(probe, 0) }},
		{"not awaited any more", 11, 4, probe, false, nil},
		{"the destination answers", 0, 4, probe, false, func(r *ring) { r.replied = 10 }},
		{"behind sixty-three others", 0, 4, probe, true, func(r *ring) { fill(r, ringSize-1) }},
		{"forgotten", 0, 4, probe, false, func(r *ring) { fill(r, ringSize) }},
	} {
		r := testRing()
		r.remember(10, 1, 3, probe)
		if c.before != nil {
			c.before(&r)
		}
		if got := r.confuses(c.ttl, c.payload, c.since); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// fill remembers n packets that differ from all others.
func fill(r *ring, n int) {
	for i := range n {
		r.remember(11, 2, 4, []byte{1, byte(i)})
	}
}

func TestRingWraps(t *testing.T) {
	r := testRing()
	for i := range ringSize + 1 {
		r.remember(0, uint16(i), 1, bytes.Repeat([]byte{byte(i)}, 40))
	}
	if got := r.match(make([]byte, 40), 0); got != nil {
		t.Errorf("the 65th last packet was remembered: %+v", got)
	}
	if got := r.match(bytes.Repeat([]byte{1}, 40), 0); got == nil || got.tag != 1 {
		t.Errorf("the 64th last packet: %+v", got)
	}
}
