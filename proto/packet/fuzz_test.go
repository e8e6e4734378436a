package packet

import (
	"bytes"
	"testing"
)

func seed(f *testing.F) {
	for _, b := range goodPackets(f) {
		for n := range len(b) + 1 {
			f.Add(b[:n])
		}
	}
	f.Add(withOptions(echo4(8), []byte{68, 8, 7, 0, 0, 0, 0, 0}))
	f.Add(withHeader(udp6(8), hopByHop, []byte{0xc2, 4, 0, 1, 0, 0}))
	f.Add(withHeader(echo6(8), destinationOptions, []byte{0x9e, 4, 0, 1, 0, 0}))
}

// FuzzParse uses everything that may be used once Parse has said OK: no
// input may lead any of it outside the packet.
func FuzzParse(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		in = bytes.Clone(in)
		var p, q Packet
		if Parse(in, &p) != OK {
			return
		}
		if !bytes.HasPrefix(in, p.Raw) || p.Hdr > len(p.Raw) {
			t.Fatalf("Raw is no prefix of the input, or the header lies behind it: %+v", p)
		}
		_ = p.MTU()
		p.Quoted(&q)
		p.TransportOK()
		if p.Class == ClassFragment {
			return
		}
		p.Payload()
		if p.Class == ClassTCP {
			p.IsSYN()
			if b, ok := AppendRST(nil, &p, 64); ok && !mustParse(t, b).TransportOK() {
				t.Error("a reset with a wrong checksum")
			}
		}
		if p.IsEchoRequest() {
			if len(p.Payload()) < 60000 && !mustParse(t, AppendEchoReply(nil, &p)).TransportOK() {
				t.Error("an echo reply with a wrong checksum")
			}
		}
	})
}

func FuzzForward(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		in = bytes.Clone(in)
		var p Packet
		if Parse(in, &p) != OK {
			return
		}
		ttl, raw := p.TTL, bytes.Clone(p.Raw)
		if !p.Forward() {
			wantBytes(t, p.Raw, raw)
			return
		}
		if again := mustParse(t, p.Raw); again.TTL != ttl-1 {
			t.Errorf("TTL %d became %d", ttl, again.TTL)
		}
	})
}

// FuzzError makes an error about every packet that parses: it is a packet
// within the limits, quotes the original, and is never about an error.
func FuzzError(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		var p Packet
		switch r := Parse(in, &p); {
		case r == BadOption && int(p.Pointer) >= len(p.Raw):
			t.Fatalf("byte %d of %d is wrong", p.Pointer, len(p.Raw))
		case r != OK && r != BadOption:
			return
		}
		src, limit := edge4, 576
		if p.V6 {
			src, limit = edge6, 1280
		}
		for kind := TimeExceeded; kind <= UnknownOption; kind++ {
			typ, code := kind.TypeCode(p.V6)
			b, ok := AppendError(nil, Error{Src: src, Type: typ, Code: code, MTU: 1300, Pointer: p.Pointer}, &p)
			if !ok {
				continue
			}
			e := mustParse(t, b)
			if len(b) > limit || !e.IsICMPError() || !e.TransportOK() || e.Dst != p.Src {
				t.Fatalf("%d bytes, %+v", len(b), e)
			}
			if !bytes.HasPrefix(p.Raw, e.Transport()[8:]) {
				t.Fatal("the quote is not the packet")
			}
			if _, ok := AppendError(nil, Error{Src: src, Type: typ, Code: code}, e); ok {
				t.Fatal("an error about an error")
			}
		}
	})
}

// FuzzQuoted reads what a hostile router quotes.
func FuzzQuoted(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, quote []byte) {
		for _, v6 := range []bool{false, true} {
			src, dst, typ, proto := edge4, laptop4, byte(TypeUnreachable), uint8(ICMP)
			if v6 {
				src, dst, typ, proto = edge6, laptop6, Type6Unreachable, ICMPv6
			}
			if len(quote) > 60000 {
				return
			}
			b := appendHeader(nil, header{src: src, dst: dst, proto: proto, length: 8 + len(quote)})
			b = append(append(b, typ, 0, 0, 0, 0, 0, 0, 0), quote...)
			p := mustParse(t, b)
			var q Packet
			if p.Quoted(&q) && (q.Hdr > len(q.Raw) || q.Class != ClassOther && q.Hdr+8 > len(q.Raw) || q.V6 != v6) {
				t.Fatalf("%+v", q)
			}
		}
	})
}
