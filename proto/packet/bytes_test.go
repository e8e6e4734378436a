package packet

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
)

// raw reads bytes written out in hexadecimal: white space is free, a "#" opens
// a comment that goes to the end of the line.
func raw(t testing.TB, text string) []byte {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wantBytes(t testing.TB, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("bytes differ\n got %x\nwant %x", got, want)
	}
}

// mustParse decodes b, which has to be a good packet.
func mustParse(t testing.TB, b []byte) *Packet {
	t.Helper()
	p := new(Packet)
	if r := Parse(b, p); r != OK {
		t.Fatalf("Parse(%x) = %v", b[:min(len(b), 64)], r)
	}
	return p
}

var (
	laptop4 = netip.MustParseAddr("100.96.0.1")
	server4 = netip.MustParseAddr("172.16.10.120")
	edge4   = netip.MustParseAddr("172.68.101.57")
	laptop6 = netip.MustParseAddr("fd00:0:64::1")
	server6 = netip.MustParseAddr("fd00:0:10::120")
	edge6   = netip.MustParseAddr("fd00:0:1::57")
)

func echo4(payload int) []byte {
	return AppendEcho(nil, &Echo{Src: laptop4, Dst: server4, Ident: 0x1234, Seq: 7, DF: true, ID: 0x4242, Payload: bytes.Repeat([]byte{0xa5}, payload)})
}

func echo6(payload int) []byte {
	return AppendEcho(nil, &Echo{Src: laptop6, Dst: server6, Ident: 0x1234, Seq: 7, Payload: bytes.Repeat([]byte{0xa5}, payload)})
}

func udp4(payload int) []byte {
	return AppendUDP(nil, &UDPPacket{
		Src: netip.AddrPortFrom(laptop4, 5000), Dst: netip.AddrPortFrom(server4, 53), Payload: bytes.Repeat([]byte{1}, payload),
	})
}

func udp6(payload int) []byte {
	return AppendUDP(nil, &UDPPacket{
		Src: netip.AddrPortFrom(laptop6, 5000), Dst: netip.AddrPortFrom(server6, 53), Payload: bytes.Repeat([]byte{1}, payload),
	})
}

// tcp makes a TCP segment: 20 bytes of header and a payload.
func tcp(src, dst netip.AddrPort, seq, ack uint32, flags uint8, payload int) []byte {
	b := appendHeader(nil, header{src: src.Addr(), dst: dst.Addr(), ttl: 64, proto: TCP, df: true, length: 20 + payload})
	head := len(b)
	b = append(b, byte(src.Port()>>8), byte(src.Port()), byte(dst.Port()>>8), byte(dst.Port()),
		byte(seq>>24), byte(seq>>16), byte(seq>>8), byte(seq), byte(ack>>24), byte(ack>>16), byte(ack>>8), byte(ack),
		5<<4, flags, 0xff, 0xff, 0, 0, 0, 0)
	b = append(b, make([]byte, payload)...)
	setTransportChecksum(b, head, src.Addr(), dst.Addr(), TCP)
	return b
}

func tcp4(flags uint8, payload int) []byte {
	return tcp(netip.AddrPortFrom(laptop4, 40000), netip.AddrPortFrom(server4, 22), 1000, 2000, flags, payload)
}

func tcp6(flags uint8, payload int) []byte {
	return tcp(netip.AddrPortFrom(laptop6, 40000), netip.AddrPortFrom(server6, 22), 1000, 2000, flags, payload)
}

// fixHeader writes the IPv4 header checksum of b anew.
func fixHeader(b []byte) []byte {
	setHeaderChecksum(b, int(b[0]&15)*4)
	return b
}

// goodPackets is one of each kind that Parse knows.
func goodPackets(t testing.TB) map[string][]byte {
	first := udp4(24)
	first[6] |= 0x20 // more fragments
	options := raw(t, `
		46 00 0020 0000 4000 40 01 0000  # header of 24 bytes
		64600001 ac100a78
		94040000                         # router alert
		08 00 0000 0001 0002             # echo request`)
	return map[string][]byte{
		"echo4": echo4(8), "echo6": echo6(8), "udp4": udp4(3), "udp6": udp6(3), "tcp4": tcp4(FlagSYN, 0), "tcp6": tcp6(FlagACK, 5),
		"fragment4": fixHeader(first), "fragment6": raw(t, fragment6), "extensions6": raw(t, extensions6),
		"options4": fixHeader(options), "error4": errorAbout(t, echo4(8), edge4), "error6": errorAbout(t, udp6(8), edge6),
	}
}

func errorAbout(t testing.TB, b []byte, src netip.Addr) []byte {
	t.Helper()
	p := mustParse(t, b)
	typ, code := AdminProhibited.TypeCode(p.V6)
	out, ok := AppendError(nil, Error{Src: src, Type: typ, Code: code}, p)
	if !ok {
		t.Fatal("AppendError made nothing")
	}
	return out
}

const fragment6 = `
	60000000 0010 2c 40                  # IPv6, 16 bytes follow, next: fragment, hop limit 64
	fd000000006400000000000000000001     # source
	fd000000001000000000000000000120     # destination
	11 00 0009 deadbeef                  # UDP, offset 8, more fragments, identification
	0102030405060708`

const extensions6 = `
	61200000 0021 00 05                  # IPv6, traffic class 0x12, next: hop by hop, hop limit 5
	fd000000006400000000000000000001     # source
	fd000000001000000000000000000120     # destination
	3c 00 0104 00000000                  # hop by hop, next: destination options
	2c 00 0104 00000000                  # destination options, next: fragment
	11 00 0000 00000007                  # atomic fragment (RFC 6946), next: UDP
	1388 0035 0009 0000 ff               # UDP 5000 -> 53, one byte`
