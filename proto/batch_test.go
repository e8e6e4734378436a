package proto

import (
	"bytes"
	"testing"
)

const goldenBatch = "06  0003 01aabb  0001 03  0002 0304" // type, then lengths and datagrams

func TestBatch(t *testing.T) {
	b := AppendBatched(AppendBatched(nil, []byte{1, 0xaa, 0xbb}), []byte{3})
	wantBytes(t, b, []byte{6, 0, 3, 1, 0xaa, 0xbb, 0, 1, 3})
	d, rest, err := ParseBatch(b[BatchHeader:])
	if err != nil || !bytes.Equal(d, []byte{1, 0xaa, 0xbb}) {
		t.Fatalf("first: %x, %v", d, err)
	}
	if d, rest, err = ParseBatch(rest); err != nil || !bytes.Equal(d, []byte{3}) || len(rest) != 0 {
		t.Fatalf("second: %x, rest %x, %v", d, rest, err)
	}
	for _, c := range []struct {
		in   []byte
		want error
	}{
		{[]byte{0}, ErrShort},
		{[]byte{0, 2, 1}, ErrShort},
		{[]byte{0, 0}, ErrMalformed},
		{[]byte{0, 1, byte(TypeBatch)}, ErrMalformed},
		{[]byte{0, 1, byte(TypeHeartbeat)}, ErrMalformed},
	} {
		if _, _, err := ParseBatch(c.in); err != c.want {
			t.Errorf("%x: %v, want %v", c.in, err, c.want)
		}
	}
}
