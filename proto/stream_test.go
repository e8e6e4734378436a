package proto

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestReadFrame(t *testing.T) {
	b := append(AppendLength(nil, 5), "hellonext"...)
	wantBytes(t, b[:4], []byte{0, 0, 0, 5})
	buf := make([]byte, 0, 16)
	got, err := ReadFrame(bytes.NewReader(b), buf, 5)
	if err != nil || string(got) != "hello" || &got[0] != &buf[:1][0] {
		t.Errorf("got %q, error %v; want hello in the given buffer", got, err)
	}
	if got, err = ReadFrame(bytes.NewReader(b), nil, 5); err != nil || string(got) != "hello" {
		t.Errorf("into a nil buffer: %q, error %v", got, err)
	}
	if _, err = ReadFrame(bytes.NewReader(b), nil, 4); !errors.Is(err, ErrMalformed) {
		t.Errorf("over the maximum: error %v, want ErrMalformed", err)
	}
	if _, err = ReadFrame(bytes.NewReader(wire(t, "ffffffff")), nil, MaxControl); !errors.Is(err, ErrMalformed) {
		t.Errorf("4 GiB: error %v, want ErrMalformed", err)
	}
	if _, err = ReadFrame(bytes.NewReader(nil), nil, 5); !errors.Is(err, io.EOF) {
		t.Errorf("nothing: error %v, want EOF", err)
	}
	for n := 1; n < 9; n++ {
		if _, err = ReadFrame(bytes.NewReader(b[:n]), nil, 5); !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			t.Errorf("%d bytes: error %v, want an end of file", n, err)
		}
	}
	if got, err = ReadFrame(bytes.NewReader(make([]byte, 4)), nil, 5); err != nil || len(got) != 0 {
		t.Errorf("empty frame: %q, error %v", got, err)
	}
}
