package packet

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
)

func TestParseKinds(t *testing.T) {
	for name, want := range map[string]Packet{
		"echo4":     {Src: laptop4, Dst: server4, Proto: ICMP, Class: ClassICMP, DF: true, TTL: 64, ID: 0x4242, Hdr: 20, Type: 8, Ident: 0x1234, Seq: 7},
		"echo6":     {Src: laptop6, Dst: server6, Proto: ICMPv6, Class: ClassICMP, V6: true, DF: true, TTL: 64, Hdr: 40, Type: 128, Ident: 0x1234, Seq: 7},
		"udp4":      {Src: laptop4, Dst: server4, Proto: UDP, Class: ClassUDP, TTL: 64, Hdr: 20, SrcPort: 5000, DstPort: 53},
		"udp6":      {Src: laptop6, Dst: server6, Proto: UDP, Class: ClassUDP, V6: true, DF: true, TTL: 64, Hdr: 40, SrcPort: 5000, DstPort: 53},
		"tcp4":      {Src: laptop4, Dst: server4, Proto: TCP, Class: ClassTCP, DF: true, TTL: 64, Hdr: 20, SrcPort: 40000, DstPort: 22},
		"tcp6":      {Src: laptop6, Dst: server6, Proto: TCP, Class: ClassTCP, V6: true, DF: true, TTL: 64, Hdr: 40, SrcPort: 40000, DstPort: 22},
		"error4":    {Src: edge4, Dst: laptop4, Proto: ICMP, Class: ClassICMP, TTL: 64, TOS: 0xc0, ID: 0x4242, Hdr: 20, Type: 3, Code: 13},
		"error6":    {Src: edge6, Dst: laptop6, Proto: ICMPv6, Class: ClassICMP, V6: true, DF: true, TTL: 64, Hdr: 40, Type: 1, Code: 1},
		"options4":  {Src: laptop4, Dst: server4, Proto: ICMP, Class: ClassICMP, DF: true, TTL: 64, Hdr: 24, Type: 8, Ident: 1, Seq: 2},
		"fragment4": {Src: laptop4, Dst: server4, Proto: UDP, Class: ClassFragment, MF: true, TTL: 64, Hdr: 20},
		"fragment6": {Src: laptop6, Dst: server6, Proto: UDP, Class: ClassFragment, V6: true, DF: true, MF: true, TTL: 64, ID: 0xdeadbeef, FragOff: 8, FragHdr: 40, Hdr: 48},
		"extensions6": {
			Src: laptop6, Dst: server6, Proto: UDP, Class: ClassUDP, V6: true, TTL: 5, TOS: 0x12, ID: 7, FragHdr: 56, Hdr: 64, SrcPort: 5000, DstPort: 53,
		},
	} {
		b := goodPackets(t)[name]
		got := *mustParse(t, append(bytes.Clone(b), "padding"...))
		wantBytes(t, got.Raw, b)
		got.Raw = nil
		if !equalPacket(got, want) {
			t.Errorf("%s\n got %+v\nwant %+v", name, got, want)
		}
	}
}

func equalPacket(a, b Packet) bool {
	if !bytes.Equal(a.Raw, b.Raw) {
		return false
	}
	a.Raw, b.Raw = nil, nil
	return a.Src == b.Src && a.Dst == b.Dst && a.Proto == b.Proto && a.Class == b.Class && a.V6 == b.V6 && a.DF == b.DF && a.MF == b.MF &&
		a.TTL == b.TTL && a.TOS == b.TOS && a.ID == b.ID && a.FragOff == b.FragOff && a.FragHdr == b.FragHdr && a.Hdr == b.Hdr &&
		a.SrcPort == b.SrcPort && a.DstPort == b.DstPort && a.Type == b.Type && a.Code == b.Code && a.Ident == b.Ident && a.Seq == b.Seq
}

// No prefix of a good packet is a packet: the IP header says how long it is.
func TestParseRefusesEveryPrefix(t *testing.T) {
	for name, b := range goodPackets(t) {
		for n := range len(b) {
			if r := Parse(bytes.Clone(b[:n:n]), new(Packet)); r != Malformed {
				t.Errorf("%s cut to %d of %d bytes: %v, want malformed", name, n, len(b), r)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	set16 := binary.BigEndian.PutUint16
	address := func(at int, a string) func(b []byte) {
		return func(b []byte) { copy(b[at:], netip.MustParseAddr(a).AsSlice()) }
	}
	for _, c := range []struct {
		name   string
		base   []byte
		change func(b []byte)
		want   Reason
	}{
		{"version 5", echo4(8), func(b []byte) { b[0] = 0x55 }, Malformed},
		{"version 0", echo4(8), func(b []byte) { b[0] = 0x05 }, Malformed},
		{"header of 16 bytes", echo4(8), func(b []byte) { b[0] = 0x44 }, Malformed},
		{"header longer than the packet", echo4(8), func(b []byte) { b[0] = 0x4f }, Malformed},
		{"total length below the header", echo4(8), func(b []byte) { set16(b[2:], 19) }, Malformed},
		{"total length above the bytes", echo4(8), func(b []byte) { set16(b[2:], uint16(len(b)+1)) }, Malformed},
		{"IPv6 length above the bytes", echo6(8), func(b []byte) { set16(b[4:], uint16(len(b)-39)) }, Malformed},
		{"multicast destination", echo4(8), address(16, "224.0.0.1"), Multicast},
		{"broadcast destination", echo4(8), address(16, "255.255.255.255"), Multicast},
		{"class E destination", echo4(8), address(16, "240.0.0.1"), Multicast},
		{"this network as destination", echo4(8), address(16, "0.0.0.0"), Multicast},
		{"multicast source", echo4(8), address(12, "239.1.2.3"), Multicast},
		{"unspecified source", echo4(8), address(12, "0.0.0.0"), Multicast},
		{"multicast destination", echo6(8), address(24, "ff02::1"), Multicast},
		{"unspecified source", echo6(8), address(8, "::"), Multicast},
		{"link-local destination", echo6(8), address(24, "fe80::1"), Multicast},
		{"IPv4-mapped destination", echo6(8), address(24, "::ffff:172.16.10.120"), Malformed},
		{"IPv4-mapped source", echo6(8), address(8, "::ffff:100.96.0.1"), Malformed},
		{"ICMP of 7 bytes", echo4(0), func(b []byte) { set16(b[2:], 27) }, Malformed},
		{"ICMPv6 of 7 bytes", echo6(0), func(b []byte) { set16(b[4:], 7) }, Malformed},
		{"UDP of 7 bytes", udp4(0), func(b []byte) { set16(b[2:], 27) }, Malformed},
		{"UDP length 7", udp4(0), func(b []byte) { set16(b[24:], 7) }, Malformed},
		{"UDP length above the packet", udp4(3), func(b []byte) { set16(b[24:], 12) }, Malformed},
		{"UDP length 0, no jumbogram", udp6(3), func(b []byte) { set16(b[44:], 0) }, Malformed},
		{"TCP of 19 bytes", tcp4(FlagSYN, 0), func(b []byte) { set16(b[2:], 39) }, Malformed},
		{"TCP data offset 4", tcp4(FlagSYN, 0), func(b []byte) { b[32] = 4 << 4 }, Malformed},
		{"TCP data offset beyond the packet", tcp4(FlagSYN, 0), func(b []byte) { b[32] = 6 << 4 }, Malformed},
		{"extension header cut short", echo6(0), func(b []byte) { b[6], b[41] = 60, 1 }, Malformed},
		{"fragment header cut short", echo6(0), func(b []byte) { b[6] = 44; set16(b[4:], 7) }, Malformed},
	} {
		c.change(c.base)
		if c.base[0]>>4 == 4 && int(c.base[0]&15)*4 <= len(c.base) {
			fixHeader(c.base)
		}
		if got := Parse(c.base, new(Packet)); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// What is of another protocol parses, and says what its sender is told by who does not carry it.
func TestParseOther(t *testing.T) {
	v4 := func(proto byte, payload int) []byte {
		b := echo4(0)[:20+payload]
		b[9] = proto
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		return fixHeader(b)
	}
	v6 := func(proto byte) []byte { b := echo6(8); b[6] = proto; return b }
	for name, c := range map[string]struct {
		b     []byte
		proto uint8
		at    uint32
		fault ErrorKind
	}{
		"GRE":                     {v4(47, 8), 47, 0, ProtoUnreachable},
		"ESP, a header only":      {v4(50, 0), 50, 0, ProtoUnreachable},
		"ICMPv6 in IPv4":          {v4(ICMPv6, 8), ICMPv6, 0, ProtoUnreachable},
		"protocol 0 in IPv4":      {v4(0, 0), 0, 0, ProtoUnreachable},
		"ICMP in IPv6":            {v6(ICMP), ICMP, 6, ProtoUnreachable},
		"SCTP in IPv6":            {v6(132), 132, 6, ProtoUnreachable},
		"behind an extension":     {withHeader(v6(253), destinationOptions, make([]byte, 6)), 253, 40, ProtoUnreachable},
		"behind two":              {withHeader(withHeader(v6(253), destinationOptions, make([]byte, 6)), hopByHop, make([]byte, 6)), 253, 48, ProtoUnreachable},
		"no next header":          {v6(noNextHeader), noNextHeader, 0, NoError},
		"behind an atomic header": {withHeader(v6(47), fragment, make([]byte, 6)), 47, 40, ProtoUnreachable},
	} {
		p := mustParse(t, c.b)
		if p.Class != ClassOther || p.Proto != c.proto || p.Fault != c.fault || p.Pointer != c.at || p.TransportOK() || !p.AllowsError() {
			t.Errorf("%s: %+v", name, p)
		}
		if got := len(p.Payload()); got != len(p.Raw)-p.Hdr {
			t.Errorf("%s: payload of %d bytes", name, got)
		}
	}
}

// RFC 1812 §5.2.2: a header whose checksum is wrong says nothing that one may believe.
func TestParseRefusesABadHeaderChecksum(t *testing.T) {
	good := echo4(8)
	for bit := range 20 * 8 {
		b := bytes.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		if r := Parse(b, new(Packet)); r != Malformed {
			t.Errorf("bit %d turned over: %v, want malformed", bit, r)
		}
	}
}

// Headers that go on and on end the walk, not the process.
func TestParseBoundsExtensionHeaders(t *testing.T) {
	chain := func(n int) []byte {
		b := appendHeader(nil, header{src: laptop6, dst: server6, proto: 60, length: 8*n + 8})
		for i := range n {
			next := byte(60)
			if i == n-1 {
				next = UDP
			}
			b = append(b, next, 0, 1, 4, 0, 0, 0, 0)
		}
		return append(b, 0, 1, 0, 2, 0, 8, 0, 0)
	}
	if p := mustParse(t, chain(15)); p.Class != ClassUDP || p.Hdr != 40+15*8 || p.DstPort != 2 {
		t.Errorf("15 extension headers: %+v", p)
	}
	if r := Parse(chain(16), new(Packet)); r != Malformed {
		t.Errorf("16 extension headers: %v, want malformed", r)
	}
}

// What stands behind the datagram's own length is padding: of the packet, not of the payload.
func TestParseOfPaddedUDP(t *testing.T) {
	for name, b := range map[string][]byte{"IPv4": udp4(5), "IPv6": udp6(5)} {
		b = append(b, "trailer"...)
		if name == "IPv4" {
			binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
			fixHeader(b)
		} else {
			binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
		}
		p := mustParse(t, b)
		wantBytes(t, p.Payload(), []byte{1, 1, 1, 1, 1})
		if wantBytes(t, p.Raw, b); !p.TransportOK() {
			t.Errorf("%s: the checksum is wrong", name)
		}
	}
}

func TestPayload(t *testing.T) {
	for name, want := range map[string]int{"echo4": 8, "echo6": 8, "udp4": 3, "udp6": 3, "tcp4": 0, "tcp6": 5, "options4": 0, "extensions6": 1} {
		if got := len(mustParse(t, goodPackets(t)[name]).Payload()); got != want {
			t.Errorf("%s: payload of %d bytes, want %d", name, got, want)
		}
	}
	withOptions := tcp4(FlagACK, 12)
	withOptions[32] = 8 << 4 // 12 bytes of options
	if got := len(mustParse(t, withOptions).Payload()); got != 0 {
		t.Errorf("TCP options counted as payload: %d bytes", got)
	}
}

func TestEchoPredicates(t *testing.T) {
	for _, c := range []struct {
		b          []byte
		code       byte
		typ        byte
		req, reply bool
	}{
		{echo4(1), 0, 8, true, false},
		{echo4(1), 0, 0, false, true},
		{echo4(1), 1, 8, true, false}, // whatever its code
		{echo4(1), 9, 0, false, true},
		{echo4(1), 0, 13, false, false},
		{echo4(1), 0, 14, false, false},
		{echo4(1), 0, 17, false, false},
		{echo6(1), 0, 128, true, false},
		{echo6(1), 0, 129, false, true},
		{echo6(1), 0, 8, false, false},
	} {
		p := mustParse(t, c.b)
		p.Raw[p.Hdr], p.Raw[p.Hdr+1] = c.typ, c.code
		p = mustParse(t, p.Raw)
		if p.IsEchoRequest() != c.req || p.IsEchoReply() != c.reply {
			t.Errorf("v6 %v type %d code %d: request %v, reply %v", p.V6, c.typ, c.code, p.IsEchoRequest(), p.IsEchoReply())
		}
		if p.IsTimestamp() != (c.typ == 13) || p.IsQuery() != (c.req || c.typ == 13) || p.IsQueryReply() != (c.reply || c.typ == 14) {
			t.Errorf("v6 %v type %d: timestamp %v, query %v, its reply %v", p.V6, c.typ, p.IsTimestamp(), p.IsQuery(), p.IsQueryReply())
		}
		if known := p.IsQuery() || p.IsQueryReply(); known != (p.Ident == 0x1234 && p.Seq == 7) {
			t.Errorf("v6 %v type %d code %d: identifier %#x, sequence %d", p.V6, c.typ, c.code, p.Ident, p.Seq)
		}
	}
}

func TestTransportOK(t *testing.T) {
	for name, b := range goodPackets(t) {
		p := mustParse(t, b)
		if name == "fragment4" || name == "fragment6" || name == "options4" || name == "extensions6" {
			continue // no transport checksum to speak of
		}
		if !p.TransportOK() {
			t.Errorf("%s: a right checksum is called wrong", name)
		}
		p.Raw[len(p.Raw)-1] ^= 1
		if p.TransportOK() {
			t.Errorf("%s: a wrong checksum is called right", name)
		}
	}
	none4, none6 := mustParse(t, udp4(3)), mustParse(t, udp6(3))
	copy(none4.Transport()[6:], "\x00\x00")
	copy(none6.Transport()[6:], "\x00\x00")
	if !none4.TransportOK() || none6.TransportOK() {
		t.Errorf("UDP checksum 0: IPv4 %v, IPv6 %v; want true and false", none4.TransportOK(), none6.TransportOK())
	}
	if mustParse(t, goodPackets(t)["fragment4"]).TransportOK() {
		t.Error("a fragment has no checksum to verify")
	}
}

// A computed UDP checksum of zero is sent as 0xffff: zero means "none".
func TestUDPChecksumIsNeverZero(t *testing.T) {
	u := UDPPacket{Src: netip.AddrPortFrom(laptop4, 0), Dst: netip.AddrPortFrom(server4, 0), Payload: []byte{0, 0}}
	b := AppendUDP(nil, &u)
	u.Payload = b[26:28] // the checksum as payload makes the sum of everything 0xffff
	b = AppendUDP(nil, &u)
	wantBytes(t, b[26:28], []byte{255, 255})
	if !mustParse(t, b).TransportOK() {
		t.Error("its own checksum is called wrong")
	}
}

func TestAddrPorts(t *testing.T) {
	p := mustParse(t, udp4(0))
	if got := p.SrcAddrPort().String() + " " + p.DstAddrPort().String(); got != "100.96.0.1:5000 172.16.10.120:53" {
		t.Error(got)
	}
}

// A packet that was put together says so by an atomic fragment header, or by being too large to have one.
func TestLargestIPv6MayBeFragmented(t *testing.T) {
	for _, c := range []struct {
		payload int
		df      bool
	}{{0, true}, {65519, true}, {65520, false}, {65527, false}} {
		if p := mustParse(t, echo6(c.payload)); p.DF != c.df {
			t.Errorf("echo of %d bytes: DF %v, want %v", c.payload, p.DF, c.df)
		}
	}
}
