package path

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

var (
	laptop4 = netip.MustParseAddr("100.96.0.7")
	laptop6 = netip.MustParseAddr("fd00:1::7")
	server4 = netip.MustParseAddr("172.16.10.120")
	server6 = netip.MustParseAddr("fd00:10::120")
	hop4    = netip.MustParseAddr("172.68.101.57")
	hop6    = netip.MustParseAddr("fd00:68::57")
	router4 = netip.MustParseAddr("172.16.10.100")
	router6 = netip.MustParseAddr("fd00:10::100")

	start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

// upView is a link that is up, with a datagram size that has settled at max, or not (0).
func upView(max int) *linkState {
	return &linkState{
		up: true, epoch: 1, max: max, settled: max != 0,
		hop4: hop4, hop6: hop6, addr4: laptop4, addr6: laptop6,
	}
}

// ends returns the laptop's and the server's address in one family.
func ends(v6 bool) (src, dst netip.Addr) {
	if v6 {
		return laptop6, server6
	}
	return laptop4, server4
}

func hopOf(v6 bool) netip.Addr {
	if v6 {
		return hop6
	}
	return hop4
}

func echoPacket(v6, df bool, size int) []byte {
	src, dst := ends(v6)
	return packet.AppendEcho(nil, &packet.Echo{Src: src, Dst: dst, Ident: 0x1234, Seq: 7, TTL: 3, TOS: 0x20, DF: df, ID: 99, Payload: pattern(size)})
}

func udpPacket(v6, df bool, port uint16, payload []byte) []byte {
	src, dst := ends(v6)
	return packet.AppendUDP(nil, &packet.UDPPacket{
		Src: netip.AddrPortFrom(src, 40000), Dst: netip.AddrPortFrom(dst, port), TTL: 5, TOS: 0x10, DF: df, ID: 98, Payload: payload,
	})
}

// synPacket is a SYN without options.
func synPacket(t testing.TB, v6 bool, port uint16, isn uint32, ttl uint8) []byte {
	return segment(t, v6, port, isn, ttl, packet.FlagSYN)
}

func segment(t testing.TB, v6 bool, port uint16, seq uint32, ttl, flags uint8) []byte {
	t.Helper()
	src, dst := ends(v6)
	return segmentTo(t, src, dst, port, seq, ttl, flags)
}

// segmentTo returns a segment to port 80 of dst.
func segmentTo(t testing.TB, src, dst netip.Addr, port uint16, seq uint32, ttl, flags uint8) []byte {
	t.Helper()
	tcp := make([]byte, 20)
	binary.BigEndian.PutUint16(tcp, port)
	binary.BigEndian.PutUint16(tcp[2:], 80)
	binary.BigEndian.PutUint32(tcp[4:], seq)
	tcp[12], tcp[13] = 5<<4, flags
	binary.BigEndian.PutUint16(tcp[14:], 0xffff)
	// A UDP packet of the same addresses has the right IP header but for protocol and checksum.
	raw := packet.AppendUDP(nil, &packet.UDPPacket{
		Src: netip.AddrPortFrom(src, port), Dst: netip.AddrPortFrom(dst, 80), TTL: ttl, DF: true, Payload: make([]byte, 12),
	})
	head := 20
	if dst.Is6() {
		head, raw[6] = 40, packet.TCP
	} else {
		raw[9], raw[10], raw[11] = packet.TCP, 0, 0
		binary.BigEndian.PutUint16(raw[10:], packet.Checksum(raw[:20], 0))
	}
	copy(raw[head:], tcp)
	sum := uint64(packet.TCP) + uint64(len(tcp))
	for b := append(src.AsSlice(), dst.AsSlice()...); len(b) > 0; b = b[2:] {
		sum += uint64(binary.BigEndian.Uint16(b))
	}
	binary.BigEndian.PutUint16(raw[head+16:], packet.Checksum(raw[head:], sum))
	var p packet.Packet
	if r := packet.Parse(raw, &p); r != packet.OK {
		t.Fatalf("segment does not parse: %s", r)
	}
	return raw
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

// mustParse parses what must be right, checksum included.
func mustParse(t testing.TB, raw []byte) *packet.Packet {
	t.Helper()
	var p packet.Packet
	if r := packet.Parse(raw, &p); r != packet.OK {
		t.Fatalf("parse %x: %s", raw, r)
	}
	if !p.TransportOK() {
		t.Fatalf("transport checksum of %x is wrong", raw)
	}
	return &p
}

// fragments cuts a packet as a host would for an MTU.
func fragments(t testing.TB, raw []byte, mtu int) [][]byte {
	t.Helper()
	var p packet.Packet
	if r := packet.Parse(raw, &p); r != packet.OK {
		t.Fatalf("parse: %s", r)
	}
	head, data := raw[:p.Hdr:p.Hdr], raw[p.Hdr:]
	room := (mtu - p.Hdr) &^ 7
	if p.V6 {
		room = (mtu - p.Hdr - 8) &^ 7
	}
	var out [][]byte
	for off := 0; off < len(data); off += room {
		n := min(room, len(data)-off)
		more := off+n < len(data)
		if p.V6 {
			out = append(out, fragment6(head, p.Proto, data[off:off+n], off, more))
		} else {
			out = append(out, fragment4(head, data[off:off+n], off, more))
		}
	}
	return out
}

func fragment4(head, data []byte, off int, more bool) []byte {
	b := append(append([]byte(nil), head...), data...)
	word := uint16(off / 8)
	if more {
		word |= 0x2000
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	binary.BigEndian.PutUint16(b[6:], word)
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], packet.Checksum(b[:len(head)], 0))
	return b
}

func fragment6(head []byte, proto uint8, data []byte, off int, more bool) []byte {
	b := append([]byte(nil), head...)
	b[6] = 44
	word := uint16(off)
	if more {
		word |= 1
	}
	b = append(b, proto, 0, byte(word>>8), byte(word), 0, 0, 0x30, 0x39)
	b = append(b, data...)
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
	return b
}

// send, back and local return what goes to the edge, the host and the stack.
func (o outcome) send() []byte  { return o.given(theEdge) }
func (o outcome) back() []byte  { return o.given(theHost) }
func (o outcome) local() []byte { return o.given(theStack) }

func (o outcome) given(to receiver) []byte {
	if o.to == to {
		return o.pkt
	}
	return nil
}
