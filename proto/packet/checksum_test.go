package packet

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// slowChecksum is RFC 1071 §4.1, word by word.
func slowChecksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		word := uint32(b[i]) << 8
		if i+1 < len(b) {
			word |= uint32(b[i+1])
		}
		sum += word
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

func TestChecksumVectors(t *testing.T) {
	for text, want := range map[string]uint16{
		"":                            0xffff,
		"00":                          0xffff,
		"ff":                          0x00ff,
		"ffff":                        0x0000,
		"0001 f203 f4f5 f6f7":         0x220d, // RFC 1071 §3
		"0001 f203 f4f5 f6f7 01":      0x210d,
		"ffffffffffffffff ffffffffff": 0x00ff,
		"4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7": 0x0000, // a well-known UDP header, checksum in place
		"4500 0073 0000 4000 4011 0000 c0a8 0001 c0a8 00c7": 0xb861,
	} {
		if got := Checksum(raw(t, text), 0); got != want {
			t.Errorf("Checksum(%s) = %#04x, want %#04x", text, got, want)
		}
	}
}

func TestChecksumEqualsTheSlowOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 2048)
	for range 2000 {
		for i := range b {
			b[i] = byte(rng.Uint32())
			if rng.IntN(4) == 0 {
				b[i] = 0xff
			}
		}
		part := b[:rng.IntN(len(b))]
		if got, want := Checksum(part, 0), slowChecksum(part); got != want {
			t.Fatalf("%d bytes: %#04x, want %#04x", len(part), got, want)
		}
	}
}

// The partial sum of the pseudo header is that of the pseudo header written out (RFC 768, RFC 8200 §8.1).
func TestPseudoHeader(t *testing.T) {
	for _, c := range []struct {
		src, dst netip.Addr
		proto    uint8
		written  string
	}{
		{laptop4, server4, UDP, "64600001 ac100a78 00 11 0008"},
		{laptop6, server6, ICMPv6, "fd000000006400000000000000000001 fd000000001000000000000000000120 00000008 000000 3a"},
	} {
		body := raw(t, "8000 0000 1234 0007")
		want := slowChecksum(append(raw(t, c.written), body...))
		if got := Checksum(body, pseudo(c.src, c.dst, c.proto, len(body))); got != want {
			t.Errorf("%v: %#04x, want %#04x", c.dst, got, want)
		}
	}
}

// RFC 1624 §4 is the example where the older equation went wrong.
func TestUpdate16(t *testing.T) {
	c := raw(t, "dd2f")
	update16(c, 0x5555, 0x3285)
	wantBytes(t, c, raw(t, "0000"))

	rng := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, 20)
	for range 20000 {
		for i := range b {
			b[i] = byte(rng.Uint32()) * byte(rng.IntN(2)) // many zeros
		}
		b[0] = 0x45 // a header is never all zeros
		setHeaderChecksum(b, 20)
		was := binary.BigEndian.Uint16(b[8:])
		now := []uint16{0, 0xffff, uint16(rng.Uint32()), was}[rng.IntN(4)]
		binary.BigEndian.PutUint16(b[8:], now)
		update16(b[10:], was, now)
		got := binary.BigEndian.Uint16(b[10:])
		setHeaderChecksum(b, 20)
		if want := binary.BigEndian.Uint16(b[10:]); got != want {
			t.Fatalf("%x: %#04x -> %#04x gives %#04x, recomputed %#04x", b, was, now, got, want)
		}
	}
}
