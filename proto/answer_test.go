package proto

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"testing"
	"testing/iotest"
)

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

const goldenAnswerExtended = `
	03                       # kind: ICMP
	03 00                    # time exceeded
	40                       # TTL 64
	0000                     # no MTU
	01                       # quoted TTL 1
	90                       # the reporter has 16 bytes; an extension follows
	0000000000000000         # no decision
	0000000000000000         # receive offset
	fd00000000100000 0000000000000100 # reporter fd00:0:10::100
	10 00                    # 16 words quoted
	0010                     # 16 bytes
	2000c413 000c0101 05dc1401 00010101 # MPLS labels`

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
		{"extended", goldenAnswerExtended, FlowAnswer{
			Kind: AnswerICMP, ICMPType: 3, TTL: 64, QuotedTTL: 1, Reporter: netip.MustParseAddr("fd00:0:10::100"),
			Extension: extension, Quoted: 16,
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
		"an extension of 3 bytes": func(b []byte) { b[7] |= 0x80; b[43] = 3 },
		"one that is too large":   func(b []byte) { b[7] |= 0x80; b[42], b[43] = 1, 165 },
		"one and a reserved bit":  func(b []byte) { b[7] |= 0x80; b[41], b[43] = 1, 4 },
	} {
		b := append(wire(t, goldenAnswer6), make([]byte, 4+MaxExtension)...)
		change(b)
		if _, _, err := ParseFlowAnswer(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("parse %s: error %v, want ErrMalformed", name, err)
		}
		if _, err := ReadFlowAnswer(bytes.NewReader(b)); !errors.Is(err, ErrMalformed) {
			t.Errorf("read %s: error %v, want ErrMalformed", name, err)
		}
	}
}
