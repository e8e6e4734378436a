package path

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/oneping/oneping/proto/packet"
)

// withECN returns a packet whose header carries an ECN codepoint.
func withECN(raw []byte, ecn uint8) []byte {
	b := bytes.Clone(raw)
	if b[0]>>4 == 6 {
		b[1] = b[1]&^0x30 | ecn<<4
		return b
	}
	b[1] = b[1]&^3 | ecn
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], packet.Checksum(b[:20], 0))
	return b
}

// Three fragments with every combination of ECN codepoints, in every order: a mark of a router on
// any of them is the packet's, and what does not agree is dropped (RFC 3168 §5.3), as Linux does.
func TestReassemblyKeepsCongestion(t *testing.T) {
	const ce, none = 3, 0
	for _, v6 := range []bool{false, true} {
		frags := fragments(t, echoPacket(v6, false, 3000), 1280)
		if len(frags) != 3 {
			t.Fatalf("%d fragments", len(frags))
		}
		for n := range uint8(64) {
			marks := []uint8{n & 3, n >> 2 & 3, n >> 4 & 3}
			want, agree, marked := marks[0], true, false
			for _, m := range marks {
				agree = agree && (m == none) == (marks[0] == none)
				marked = marked || m == ce
			}
			if marked {
				want = ce
			}
			for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
				r := newReassembler(maxFragmentBytes)
				var whole []byte
				var last packet.Reason
				for _, i := range order {
					whole, last = r.add(mustParseLoose(t, withECN(frags[i], marks[i])), start)
				}
				if !agree {
					if whole != nil || last != packet.Malformed || r.used != 0 {
						t.Errorf("v6 %v, %v: %d bytes, %v, want it dropped", v6, marks, len(whole), last)
					}
					continue
				}
				if whole == nil {
					t.Fatalf("v6 %v, %v: %v", v6, marks, last)
				}
				if p := mustParse(t, whole); p.TOS&3 != want {
					t.Errorf("v6 %v, %v: ECN %d, want %d", v6, marks, p.TOS&3, want)
				}
			}
		}
	}
}
