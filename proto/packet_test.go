package proto

import (
	"bytes"
	"errors"
	"testing"
)

func TestPacketGolden(t *testing.T) {
	ip := bytes.Repeat([]byte{0x45}, 20)
	b := append([]byte{1}, ip...)
	wantBytes(t, AppendPacket(nil, ip), b)
	got, err := ParsePacket(b)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, got, ip)
	prefixes(t, b, PacketOverhead+20, func(b []byte) error { _, err := ParsePacket(b); return err })
	b[0] = 2
	if _, err := ParsePacket(b); !errors.Is(err, ErrMalformed) {
		t.Errorf("another type: error %v, want ErrMalformed", err)
	}
}
