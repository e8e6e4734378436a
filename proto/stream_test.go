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

const goldenAnswerConnected = `
	01                       # kind: connected
	00 00                    # no ICMP
	3e                       # TTL 62 of the SYN-ACK
	0000                     # no MTU
	00                       # quoted TTL
	00                       # no reporter
	0000000000000000         # no decision
	0000000000000011         # receive offset 17`

const goldenAnswer4 = `
	03                       # kind: ICMP
	03 04                    # fragmentation needed
	40                       # TTL 64
	0514                     # MTU 1300
	02                       # quoted TTL 2
	04                       # the reporter has 4 bytes
	00000000000000ab         # decision
	0000000000000000         # receive offset
	ac100a64                 # reporter 172.16.10.100`

const goldenAnswer6 = `
	03                       # kind: ICMP
	01 03                    # address unreachable
	40                       # TTL 64
	0000                     # no MTU
	01                       # quoted TTL 1
	10                       # the reporter has 16 bytes
	0000000000000000         # no decision
	0000000000000000         # receive offset
	fd00000000100000 0000000000000100 # reporter fd00:0:10::100`

func TestFlowAnswerGolden(t *testing.T) {
	for _, c := range []struct {
		name, golden string
		want         FlowAnswer
	}{
		{"connected", goldenAnswerConnected, FlowAnswer{Kind: AnswerConnected, TTL: 62, Offset: 17}},
		{"ICMP", goldenAnswer4, FlowAnswer{
			Kind: AnswerICMP, ICMPType: 3, ICMPCode: 4, TTL: 64, MTU: 1300, QuotedTTL: 2, Decision: 0xab,
			Reporter: netip.MustParseAddr("172.16.10.100"),
		}},
		{"ICMPv6", goldenAnswer6, FlowAnswer{
			Kind: AnswerICMP, ICMPType: 1, ICMPCode: 3, TTL: 64, QuotedTTL: 1,
			Reporter: netip.MustParseAddr("fd00:0:10::100"),
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := wire(t, c.golden)
			wantBytes(t, AppendFlowAnswer(nil, &c.want), b)
			got, rest, err := ParseFlowAnswer(append(bytes.Clone(b), 7))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, got, c.want)
			wantBytes(t, rest, []byte{7})
			prefixes(t, b, len(b), func(b []byte) error { _, _, err := ParseFlowAnswer(b); return err })

			r := bytes.NewReader(append(bytes.Clone(b), 7))
			got, err = ReadFlowAnswer(iotest.OneByteReader(r))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, got, c.want)
			if r.Len() != 1 {
				t.Errorf("reading the answer left %d bytes, want 1", r.Len())
			}
			for n := range len(b) {
				if _, err := ReadFlowAnswer(bytes.NewReader(b[:n])); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("reading %d bytes: error %v, want an end of file", n, err)
				}
			}
		})
	}
}

func TestFlowAnswerRefuses(t *testing.T) {
	for name, change := range map[string]func(b []byte){
		"kind 0":                  func(b []byte) { b[0] = 0 },
		"kind 5":                  func(b []byte) { b[0] = 5 },
		"a reporter of 5 bytes":   func(b []byte) { b[7] = 5 },
		"a reporter of 255":       func(b []byte) { b[7] = 255 },
		"an IPv4-mapped reporter": func(b []byte) { copy(b[24:], netip.MustParseAddr("::ffff:1.2.3.4").AsSlice()) },
	} {
		b := wire(t, goldenAnswer6)
		change(b)
		if _, _, err := ParseFlowAnswer(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("parse %s: error %v, want ErrMalformed", name, err)
		}
		if _, err := ReadFlowAnswer(bytes.NewReader(b)); !errors.Is(err, ErrMalformed) {
			t.Errorf("read %s: error %v, want ErrMalformed", name, err)
		}
	}
}

func TestFlowFrameGolden(t *testing.T) {
	for golden, want := range map[string]FlowFrame{
		"01 00000000100000 # data, 1 MiB":  {Type: FrameData, Value: MaxFrameData},
		"01 00000000000000 # data, empty":  {Type: FrameData},
		"02 ffffffffffffff # ack, 2^56-1":  {Type: FrameAck, Value: 1<<56 - 1},
		"03 00000100000000 # fin at 4 GiB": {Type: FrameFin, Value: 1 << 32},
		"04 0000000000000a # rst, timeout": {Type: FrameRst, Value: uint64(CodeTimeout)},
		"05 00000000010000 # up to 64 KiB": {Type: FrameLimit, Value: 64 << 10},
		"06 00000000010000 # waits there":  {Type: FrameBlocked, Value: 64 << 10},
	} {
		b := wire(t, golden)
		var put [FrameHeaderSize]byte
		PutFlowFrame(put[:], want)
		wantBytes(t, put[:], b)
		got, err := ParseFlowFrame(b)
		if err != nil || got != want {
			t.Errorf("%s: %+v, error %v", golden, got, err)
		}
		prefixes(t, b, FrameHeaderSize, func(b []byte) error { _, err := ParseFlowFrame(b); return err })
	}
	for _, bad := range []string{
		"00 00000000000000 # type 0", "07 00000000000000 # type 7",
		"01 00000000100001 # one byte over 1 MiB", "04 00000000010000 # a code over 16 bits",
	} {
		if _, err := ParseFlowFrame(wire(t, bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error %v, want ErrMalformed", bad, err)
		}
	}
}

func TestReadFrame(t *testing.T) {
	b := append(AppendLength(nil, 5), "hellonext"...)
	wantBytes(t, b[:4], []byte{0, 0, 0, 5})
	buf := make([]byte, 0, 16)
	got, err := ReadFrame(bytes.NewReader(b), buf, 5)
	if err != nil || string(got) != "hello" || &got[0] != &buf[:1][0] {
		t.Errorf("got %q, error %v; want hello in the given buffer", got, err)
	}
	if got, err = ReadFrame(bytes.NewReader(b), nil, 5); err != nil || string(got) != "hello" {
		t.Errorf("into a nil buffer: %q, error %v", got, err)
	}
	if _, err = ReadFrame(bytes.NewReader(b), nil, 4); !errors.Is(err, ErrMalformed) {
		t.Errorf("over the maximum: error %v, want ErrMalformed", err)
	}
	if _, err = ReadFrame(bytes.NewReader(wire(t, "ffffffff")), nil, MaxControl); !errors.Is(err, ErrMalformed) {
		t.Errorf("4 GiB: error %v, want ErrMalformed", err)
	}
	if _, err = ReadFrame(bytes.NewReader(nil), nil, 5); !errors.Is(err, io.EOF) {
		t.Errorf("nothing: error %v, want EOF", err)
	}
	for n := 1; n < 9; n++ {
		if _, err = ReadFrame(bytes.NewReader(b[:n]), nil, 5); !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			t.Errorf("%d bytes: error %v, want an end of file", n, err)
		}
	}
	if got, err = ReadFrame(bytes.NewReader(make([]byte, 4)), nil, 5); err != nil || len(got) != 0 {
		t.Errorf("empty frame: %q, error %v", got, err)
	}
}
