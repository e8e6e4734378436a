package packet

import (
	"bytes"
	"testing"
)

func TestNextTTL(t *testing.T) {
	for ttl, want := range map[uint8]uint8{0: 0, 1: 0, 2: 1, 64: 63, 255: 254} {
		got, ok := NextTTL(ttl)
		if got != want || ok != (ttl > 1) {
			t.Errorf("NextTTL(%d) = %d, %v", ttl, got, ok)
		}
	}
}

// Every TTL of every kind of packet: after Forward the bytes are those of a
// packet made with the lower TTL, the checksum corrected in place equals the recomputed one.
func TestForward(t *testing.T) {
	for name, b := range goodPackets(t) {
		for ttl := range 256 {
			p := mustParse(t, bytes.Clone(b))
			at := 8
			if p.V6 {
				at = 7
			}
			p.Raw[at] = byte(ttl)
			if !p.V6 {
				fixHeader(p.Raw)
			}
			p = mustParse(t, p.Raw)
			want := bytes.Clone(p.Raw)
			if ttl > 1 {
				want[at]--
				if !p.V6 {
					fixHeader(want)
				}
			}
			if ok := p.Forward(); ok != (ttl > 1) {
				t.Errorf("%s, TTL %d: Forward = %v", name, ttl, ok)
			}
			if !bytes.Equal(p.Raw, want) {
				t.Fatalf("%s, TTL %d\n got %x\nwant %x", name, ttl, p.Raw, want)
			}
			if p.TTL != p.Raw[at] {
				t.Errorf("%s: TTL field %d, in the packet %d", name, p.TTL, p.Raw[at])
			}
		}
	}
}

func TestSetTTLSetDF(t *testing.T) {
	for name, b := range map[string][]byte{"IPv4": echo4(9), "IPv6": echo6(9)} {
		p := mustParse(t, bytes.Clone(b))
		for _, ttl := range []uint8{0, 1, 0xff, 0x34} {
			p.SetTTL(ttl)
			p.SetDF(ttl == 1)
			again := mustParse(t, p.Raw)
			if again.TTL != ttl || !again.TransportOK() {
				t.Errorf("%s, TTL %d: read back %+v, checksum ok %v", name, ttl, again, again.TransportOK())
			}
			if want := p.V6 || ttl == 1; again.DF != want || p.DF != want {
				t.Errorf("%s: DF %v, in the packet %v, want %v", name, p.DF, again.DF, want)
			}
		}
		p.SetTTL(64)
		p.SetDF(true)
		wantBytes(t, p.Raw, b)
	}
}
