package proto

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

// wire reads bytes written out in hexadecimal: white space is free, a "#" opens
// a comment that goes to the end of the line.
func wire(t testing.TB, text string) []byte {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wantBytes(t testing.TB, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("bytes differ\n got %x\nwant %x", got, want)
	}
}

// prefixes calls parse with every prefix of good, each in a slice of exactly
// its length, and wants it to fail below least bytes and to succeed from there on.
func prefixes(t *testing.T, good []byte, least int, parse func([]byte) error) {
	t.Helper()
	for n := range len(good) + 1 {
		err := parse(bytes.Clone(good[:n:n]))
		if (err == nil) != (n >= least) {
			t.Errorf("prefix of %d bytes (whole header is %d): error %v", n, least, err)
		}
	}
}

// seedPrefixes gives a fuzz target every prefix of each good frame.
func seedPrefixes(f *testing.F, frames ...[]byte) {
	for _, b := range frames {
		for n := range len(b) + 1 {
			f.Add(b[:n])
		}
	}
}
