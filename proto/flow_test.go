package proto

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"testing"
	"testing/iotest"
)

const goldenFlow4 = `
	02                       # kind: flow
	00                       # flags
	3f                       # TTL 63
	10                       # traffic class
	9c40 0016                # ports 40000 -> 22
	000102030405060708090a0b0c0d0e0f # flow
	0000000000000000         # receive offset of a new flow
	64600001                 # source 100.96.0.1
	ac100a78                 # destination 172.16.10.120`

const goldenFlow6 = `
	02                       # kind: flow
	01                       # flags: IPv6
	01                       # TTL 1
	00                       # traffic class
	9c40 01bb                # ports 40000 -> 443
	ffffffffffffffffffffffffffffffff # flow
	0000000100000002         # receive offset 4294967298
	fd00000000640000 0000000000000001 # source fd00:0:64::1
	fd00000000100000 0000000000000120 # destination fd00:0:10::120`

func TestFlowHeaderGolden(t *testing.T) {
	for _, c := range []struct {
		name, golden string
		want         FlowHeader
	}{
		{"IPv4", goldenFlow4, FlowHeader{
			Flow: FlowID{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, TTL: 63, Class: 16,
			Src: netip.MustParseAddrPort("100.96.0.1:40000"), Dst: netip.MustParseAddrPort("172.16.10.120:22"),
		}},
		{"IPv6", goldenFlow6, FlowHeader{
			Flow: FlowID(bytes.Repeat([]byte{255}, 16)), TTL: 1, Offset: 1<<32 + 2,
			Src: netip.MustParseAddrPort("[fd00:0:64::1]:40000"), Dst: netip.MustParseAddrPort("[fd00:0:10::120]:443"),
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := wire(t, c.golden)
			wantBytes(t, AppendFlowHeader(nil, &c.want), b)
			got, rest, err := ParseFlowHeader(append(bytes.Clone(b), "rest"...))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, got, c.want)
			wantBytes(t, rest, []byte("rest"))
			prefixes(t, b, len(b), func(b []byte) error { _, _, err := ParseFlowHeader(b); return err })

			r := bytes.NewReader(append(bytes.Clone(b[1:]), "rest"...))
			got, err = ReadFlowHeader(iotest.OneByteReader(r))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, got, c.want)
			if r.Len() != len("rest") {
				t.Errorf("reading the header left %d bytes, want %d", r.Len(), len("rest"))
			}
			for n := range len(b) - 1 {
				if _, err := ReadFlowHeader(bytes.NewReader(b[1 : n+1])); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("reading %d bytes: error %v, want an end of file", n, err)
				}
			}
		})
	}
}

func TestFlowHeaderRefuses(t *testing.T) {
	for name, change := range map[string]func(b []byte){
		"another kind":               func(b []byte) { b[0] = byte(StreamOversize) },
		"the flag DF":                func(b []byte) { b[1] |= flagDF },
		"an IPv4-mapped source":      func(b []byte) { copy(b[32:], netip.MustParseAddr("::ffff:1.2.3.4").AsSlice()) },
		"an IPv4-mapped destination": func(b []byte) { copy(b[48:], netip.MustParseAddr("::ffff:1.2.3.4").AsSlice()) },
	} {
		b := wire(t, goldenFlow6)
		change(b)
		if _, _, err := ParseFlowHeader(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error %v, want ErrMalformed", name, err)
		}
	}
}
