package packet

import (
	"encoding/binary"
	"slices"
	"testing"
)

// RFC 1812 §4.3.2.7, RFC 4443 §2.4 e: no error is made about an error, not even about its first fragment.
func TestNoErrorAboutAFragmentOfAnError(t *testing.T) {
	four, six := echo4(1400), echo6(1400)
	four[6], four[7] = 0x20, 0 // more fragments
	fixHeader(four)
	six = slices.Insert(six, 40, six[6], 0, 0, 1, 0, 0, 0, 7)
	six[6] = fragment
	binary.BigEndian.PutUint16(six[4:], uint16(len(six)-40))
	for _, c := range []struct {
		raw   []byte
		typ   uint8
		about bool
	}{
		{four, TypeEchoRequest, true},
		{four, TypeUnreachable, false},
		{four, typeRedirect, false},
		{six, Type6EchoRequest, true},
		{six, Type6TimeExceeded, false},
		{six, type6Redirect, false},
	} {
		var p Packet
		if r := Parse(c.raw, &p); r != OK || p.Class != ClassFragment {
			t.Fatalf("%v, class %d", r, p.Class)
		}
		p.Transport()[0] = c.typ
		e := Error{Src: edge4, Type: TypeTimeExceeded, Code: 1}
		if p.V6 {
			e = Error{Src: edge6, Type: Type6TimeExceeded, Code: 1}
		}
		if _, ok := AppendError(nil, e, &p); ok != c.about {
			t.Errorf("v6 %v, type %d: made %v, want %v", p.V6, c.typ, ok, c.about)
		}
	}
}
