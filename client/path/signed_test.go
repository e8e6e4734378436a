package path

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/oneping/oneping/proto/packet"
)

// withTCPOptions returns a segment with options, whose length is a multiple of four.
func withTCPOptions(t *testing.T, raw, options []byte) []byte {
	t.Helper()
	head := 20
	if raw[0]>>4 == 6 {
		head = 40
	}
	b := slices.Insert(slices.Clone(raw), head+20, options...)
	b[head+12] += byte(len(options)/4) << 4
	if head == 20 {
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		b[10], b[11] = 0, 0
		binary.BigEndian.PutUint16(b[10:], packet.Checksum(b[:20], 0))
	} else {
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
	}
	sum := uint64(packet.TCP) + uint64(len(b)-head)
	addrs := b[head-8 : head]
	if head == 40 {
		addrs = b[8:40]
	}
	for ; len(addrs) > 0; addrs = addrs[2:] {
		sum += uint64(binary.BigEndian.Uint16(addrs))
	}
	b[head+16], b[head+17] = 0, 0
	binary.BigEndian.PutUint16(b[head+16:], packet.Checksum(b[head:], sum))
	return b
}

// A SYN that is signed with its addresses (BGP's MD5, TCP-AO) cannot be repeated by a connector: it is
// refused at once, and not left to time out. Other options, and broken ones, are no matter.
func TestSignedSYNIsRefused(t *testing.T) {
	md5 := append([]byte{1, 1, 19, 18}, make([]byte, 16)...)
	ao := append([]byte{2, 4, 5, 180, 29, 16, 1, 1}, make([]byte, 12)...)
	for name, c := range map[string]struct {
		options []byte
		refused bool
	}{
		"MD5":              {md5, true},
		"AO behind MSS":    {ao, true},
		"MSS, and the end": {[]byte{2, 4, 5, 180, 0, 19, 18, 0}, false},
		"length 0":         {[]byte{8, 0, 19, 18}, false},
		"length 1":         {[]byte{8, 1, 19, 18}, false},
		"too long":         {[]byte{8, 10, 19, 18}, false},
		"cut":              {[]byte{1, 1, 1, 8}, false},
	} {
		for _, v6 := range []bool{false, true} {
			raw := withTCPOptions(t, synPacket(t, v6, 1000, 1, 64), c.options)
			d := newTestOutbound().step(raw, start, upView(0))
			if !c.refused {
				if d.reason != packet.OK || d.open == nil {
					t.Errorf("%s, v6 %v: %v", name, v6, d.reason)
				}
				continue
			}
			if d.reason != packet.Unsupported || d.open != nil || d.local() != nil {
				t.Fatalf("%s, v6 %v: %+v", name, v6, d)
			}
			wantError(t, d.back(), packet.ProtoUnreachable, raw, 0)
			if p := mustParse(t, d.back()); v6 && binary.BigEndian.Uint32(p.Transport()[4:]) != nextHeader6 {
				t.Errorf("%s: points at %x", name, p.Transport()[4:8])
			}
		}
	}
}
