package udp

import (
	"bytes"
	"testing"
)

func TestRingNamesThePacket(t *testing.T) {
	var r ring
	r.remember(1, 3, []byte("first"))
	r.remember(2, 4, []byte("second, and longer than thirty-two bytes it is"))
	r.remember(3, 5, nil)
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
		r := r
		r.last = append([]sent(nil), r.last...)
		if c.name == "another" {
			r.last = r.last[:2] // without the empty one
			r.next = 2
		}
		got := r.match(c.data)
		switch {
		case got == nil && c.tag != 0:
			t.Errorf("%s: none, want %d", c.name, c.tag)
		case got != nil && got.tag != c.tag:
			t.Errorf("%s: tag %d, want %d", c.name, got.tag, c.tag)
		}
	}
}

func TestRingNewestUnanswered(t *testing.T) { // probes with equal payload
	var r ring
	for tag := range uint16(3) {
		r.remember(tag+1, uint8(tag), []byte("probe"))
	}
	for _, want := range []uint16{3, 2, 1, 3} { // each once, then the newest
		if got := r.match([]byte("probe")); got == nil || got.tag != want {
			t.Errorf("got %+v, want tag %d", got, want)
		}
	}
}

func TestRingWraps(t *testing.T) {
	var r ring
	for i := range ringSize + 1 {
		r.remember(uint16(i), 1, bytes.Repeat([]byte{byte(i)}, 40))
	}
	if got := r.match(make([]byte, 40)); got != nil {
		t.Errorf("the 65th last packet was remembered: %+v", got)
	}
	if got := r.match(bytes.Repeat([]byte{1}, 40)); got == nil || got.tag != 1 {
		t.Errorf("the 64th last packet: %+v", got)
	}
}
