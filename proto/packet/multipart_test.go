package packet

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// labels is an MPLS label stack (RFC 4950 §2): 24001 and 16, as routers send it.
const labels = `
	20 00 c413               # version 2, checksum
	000c 01 01               # 12 bytes, MPLS label stack, incoming
	05dc1401 00010101`

// The lengths of RFC 4884 §4: in words of 32 bits in IPv4, of 64 in IPv6, behind 128 bytes at least.
func TestExtensionGolden(t *testing.T) {
	ext := raw(t, labels)
	if Checksum(ext, 0) != 0 {
		t.Fatalf("checksum of the sample: %#x", Checksum(ext, 0))
	}
	orig4 := mustParse(t, echo4(8)) // 36 bytes
	b, ok := AppendError(nil, Error{Src: edge4, Type: TypeTimeExceeded, Extension: Extension{Raw: string(ext), Quoted: 32}}, orig4)
	p := mustParse(t, b)
	want := bytes.Join([][]byte{{11, 0, b[22], b[23], 0, 32, 0, 0}, orig4.Raw, make([]byte, 128-36), ext}, nil)
	if !ok || !p.TransportOK() {
		t.Fatal("no error made, or its checksum is wrong")
	}
	wantBytes(t, p.Transport(), want)

	orig6 := mustParse(t, echo6(8))
	b, ok = AppendError(nil, Error{Src: edge6, Type: Type6TimeExceeded, Extension: Extension{Raw: string(ext), Quoted: 16}}, orig6)
	p = mustParse(t, b)
	want = bytes.Join([][]byte{{3, 0, b[42], b[43], 16, 0, 0, 0}, orig6.Raw, make([]byte, 128-56), ext}, nil)
	if !ok || !p.TransportOK() {
		t.Fatal("no error made, or its checksum is wrong")
	}
	wantBytes(t, p.Transport(), want)
}

// What AppendError writes is what SplitQuote finds, for every size of packet, length and family, and
// no error is larger than it may be.
func TestExtensionRoundTrip(t *testing.T) {
	ext := string(raw(t, labels))
	for _, v6 := range []bool{false, true} {
		e := Error{Src: edge4, Type: TypeUnreachable, Code: 4, MTU: 1300}
		limit := maxError4
		if v6 {
			e = Error{Src: edge6, Type: Type6Unreachable}
			limit = MaxError
		}
		for _, payload := range []int{0, 1, 56, 100, 101, 300, 520, 1200, 2000} {
			orig := mustParse(t, echo4(payload))
			if v6 {
				orig = mustParse(t, echo6(payload))
			}
			for words := range 256 {
				e.Extension = Extension{Raw: ext, Quoted: uint8(words)}
				b, ok := AppendError(nil, e, orig)
				p := mustParse(t, b)
				if !ok || len(b) > limit || !p.TransportOK() || p.MTU() != e.MTU {
					t.Fatalf("%d words of %d bytes: %v, %d bytes, MTU %d", words, payload, ok, len(b), p.MTU())
				}
				at := p.ExtensionAt()
				if (at == 0) != (words == 0) || at%extensionWord(v6) != 0 || at != 0 && at < minExtended {
					t.Fatalf("%d words of %d bytes: at %d", words, payload, at)
				}
				var q Packet
				if !p.Quoted(&q) || q.Ident != orig.Ident {
					t.Fatalf("%d words of %d bytes: quotes %+v", words, payload, q)
				}
				quote, x := SplitQuote(q.Transport(), q.Hdr, at, v6)
				if x.Raw != ext || int(x.Quoted) != at/extensionWord(v6) {
					t.Fatalf("%d words of %d bytes: found %+v", words, payload, x)
				}
				n := min(len(quote), len(orig.Transport()))
				if !bytes.Equal(quote[:n], orig.Transport()[:n]) || len(bytes.Trim(quote[n:], "\x00")) != 0 {
					t.Fatalf("%d words of %d bytes: quote %x", words, payload, quote)
				}
			}
		}
	}
}

// Of a packet that is known in part, no more is quoted than is known: what is missing is not zeros.
func TestExtensionBehindWhatIsKnown(t *testing.T) {
	ext := string(raw(t, labels))
	orig := mustParse(t, echo4(500))
	orig.Raw = orig.Raw[:131]
	for words, want := range map[uint8]int{0: 128, 32: 128, 33: 128, 64: 128} {
		b, _ := AppendError(nil, Error{Src: edge4, Type: TypeTimeExceeded, Extension: Extension{Raw: ext, Quoted: words}}, orig)
		if got := len(b) - 28 - len(ext); got != want {
			t.Errorf("%d words: %d bytes quoted, want %d", words, got, want)
		}
	}
	orig.Raw = orig.Raw[:60] // below the least it must be padded
	b, _ := AppendError(nil, Error{Src: edge4, Type: TypeTimeExceeded, Extension: Extension{Raw: ext, Quoted: 32}}, orig)
	if got := len(b) - 28 - len(ext); got != 128 {
		t.Errorf("%d bytes quoted, want 128", got)
	}
}

func TestSplitQuote(t *testing.T) {
	ext := raw(t, labels)
	broken, unsummed, old := bytes.Clone(ext), bytes.Clone(ext), bytes.Clone(ext)
	broken[15] ^= 1
	unsummed[2], unsummed[3] = 0, 0
	old[0] = 0x10
	pad := make([]byte, 200)
	large := append(bytes.Clone(ext), make([]byte, MaxExtension)...)
	for name, c := range map[string]struct {
		quoted      []byte
		skipped, at int
		v6          bool
		found       int // offset; -1: none
		words       uint8
	}{
		"stated":                  {append(pad[:108:108], ext...), 20, 128, false, 108, 32},
		"stated, IPv6":            {append(pad[:88:88], ext...), 40, 128, true, 88, 16},
		"stated, more":            {append(pad[:112:112], ext...), 28, 140, false, 112, 35},
		"stated, wrong checksum":  {append(pad[:108:108], broken...), 20, 128, false, 108, 32},
		"stated, not version 2":   {append(pad[:108:108], old...), 20, 128, false, -1, 0},
		"stated, below the least": {append(pad[:104:104], ext...), 20, 124, false, -1, 0},
		"stated, behind the end":  {append(pad[:108:108], ext...), 20, 144, false, -1, 0},
		"stated, too large":       {append(pad[:108:108], large...), 20, 128, false, -1, 0},
		"not stated":              {append(pad[:108:108], ext...), 20, 0, false, 108, 0},
		"not stated, broken":      {append(pad[:108:108], broken...), 20, 0, false, -1, 0},
		"not stated, unsummed":    {append(pad[:108:108], unsummed...), 20, 0, false, -1, 0},
		"only a quote":            {pad, 20, 0, false, -1, 0},
		"short":                   {pad[:8], 20, 0, false, -1, 0},
		"options":                 {append(pad[:68:68], ext...), 60, 128, false, 68, 32},
	} {
		quote, x := SplitQuote(c.quoted, c.skipped, c.at, c.v6)
		want := Extension{}
		if c.found >= 0 {
			want = Extension{Raw: string(c.quoted[c.found:]), Quoted: c.words}
		} else {
			c.found = len(c.quoted)
		}
		if x != want || len(quote) != c.found {
			t.Errorf("%s: %+v behind %d bytes, want %+v behind %d", name, x, len(quote), want, c.found)
		}
	}
}

// Errors that have no room for the length have no extension, nor have those that state none.
func TestNoExtension(t *testing.T) {
	x := Extension{Raw: string(raw(t, labels)), Quoted: 16}
	for _, e := range []Error{
		{Src: edge6, Type: Type6TooBig, MTU: 1300, Extension: x},
		{Src: edge6, Type: Type6ParamProblem, Pointer: 6, Extension: x},
		{Src: edge6, Type: Type6TimeExceeded, Extension: Extension{Raw: "abc", Quoted: 16}},
		{Src: edge6, Type: Type6TimeExceeded, Extension: Extension{Raw: string(make([]byte, MaxExtension+1)), Quoted: 16}},
	} {
		b, _ := AppendError(nil, e, mustParse(t, echo6(8)))
		bare := e
		bare.Extension = Extension{}
		want, _ := AppendError(nil, bare, mustParse(t, echo6(8)))
		wantBytes(t, b, want)
	}
	p := mustParse(t, echo4(8))
	binary.BigEndian.PutUint32(p.Transport()[4:], ^uint32(0))
	if at := p.ExtensionAt(); at != 0 {
		t.Errorf("an echo request says that it has an extension at %d", at)
	}
}

func FuzzSplitQuote(f *testing.F) {
	ext := raw(f, labels)
	whole := append(make([]byte, 108), ext...)
	for n := range len(whole) + 1 {
		f.Add(whole[:n], uint8(20), uint8(32), false)
	}
	f.Add(append(make([]byte, 88), ext...), uint8(40), uint8(16), true)
	f.Add(whole, uint8(20), uint8(0), false)
	f.Fuzz(func(t *testing.T, quoted []byte, skipped, words uint8, v6 bool) {
		quote, x := SplitQuote(quoted, int(skipped), int(words)*extensionWord(v6), v6)
		if string(quote)+x.Raw != string(quoted) {
			t.Error("something was lost")
		}
		if x.Raw != "" && (x.Quoted != words || len(x.Raw) < 4 || len(x.Raw) > MaxExtension) {
			t.Errorf("found %+v", x)
		}
	})
}
