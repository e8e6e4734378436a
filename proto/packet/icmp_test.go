package packet

import (
	"bytes"
	"net/netip"
	"testing"
)

func TestErrorKinds(t *testing.T) {
	for k, want := range map[ErrorKind][4]uint8{
		NoError: {}, TimeExceeded: {11, 0, 3, 0}, ReassemblyTimeout: {11, 1, 3, 1}, NetUnreachable: {3, 0, 1, 0},
		HostUnreachable: {3, 1, 1, 3}, PortUnreachable: {3, 3, 1, 4}, AdminProhibited: {3, 13, 1, 1}, TooBig: {3, 4, 2, 0},
		ProtoUnreachable: {3, 2, 4, 1}, BadField: {12, 0, 4, 0}, UnknownOption: {12, 0, 4, 2}, 200: {},
	} {
		var got [4]uint8
		got[0], got[1] = k.TypeCode(false)
		got[2], got[3] = k.TypeCode(true)
		if got != want {
			t.Errorf("kind %d: v4 and v6 type and code %v, want %v", k, got, want)
		}
	}
}

const goldenTimeExceeded4 = `
	45 c0 0040 4242 0000 40 01 c1dc  # internetwork control, 64 bytes, the quoted packet's identification, TTL 64
	ac446539 64600001                # 172.68.101.57 -> 100.96.0.1
	0b 00 f4ff 00000000              # time exceeded, in transit
	45 00 0024 4242 4000 01 01 1cae  # the quoted packet: TTL 1, DF
	64600001 ac100a78
	08 00 4f2e 1234 0007             # echo request
	a5a5a5a5 a5a5a5a5`

const goldenTooBig6 = `
	60 0 00000 0040 3a 40            # 64 bytes follow, ICMPv6, hop limit 64
	fd000000000100000000000000000057 # edge
	fd000000006400000000000000000001 # laptop
	02 00 63ac 00000514              # packet too big, MTU 1300
	60 0 00000 0010 3a 40            # the quoted packet
	fd000000006400000000000000000001
	fd000000001000000000000000000120
	80 00 db4c 1234 0007             # echo request
	a5a5a5a5 a5a5a5a5`

func TestAppendErrorGolden(t *testing.T) {
	orig := mustParse(t, echo4(8))
	orig.SetTTL(1)
	b, ok := AppendError(nil, Error{Src: edge4, Type: TypeTimeExceeded}, orig)
	if !ok {
		t.Fatal("no error made")
	}
	wantBytes(t, b, raw(t, goldenTimeExceeded4))

	b, ok = AppendError([]byte{9}, Error{Src: edge6, Type: Type6TooBig, MTU: 1300}, mustParse(t, echo6(8)))
	if !ok || b[0] != 9 {
		t.Fatal("no error made, or the slice's beginning lost")
	}
	wantBytes(t, b[1:], raw(t, goldenTooBig6))
}

// RFC 1812 §4.3.2.5: the TOS of the packet, the precedence of internetwork control.
func TestErrorTOS(t *testing.T) {
	for tos, want := range map[uint8]uint8{0: 0xc0, 0x28: 0xc8, 0xb8: 0xd8, 0xe0: 0xc0, 0x02: 0xc2, 0x03: 0xc2} {
		orig := mustParse(t, AppendEcho(nil, &Echo{Src: laptop4, Dst: server4, TOS: tos, ID: 7}))
		b, _ := AppendError(nil, Error{Src: edge4, Type: TypeTimeExceeded}, orig)
		if p := mustParse(t, b); p.TOS != want || p.ID != 7 {
			t.Errorf("about TOS %#x: TOS %#x, want %#x; identification %d", tos, p.TOS, want, p.ID)
		}
		orig = mustParse(t, AppendEcho(nil, &Echo{Src: laptop6, Dst: server6, TOS: tos}))
		b, _ = AppendError(nil, Error{Src: edge6, Type: Type6TimeExceeded}, orig)
		if p := mustParse(t, b); p.TOS != 0 {
			t.Errorf("IPv6, about TOS %#x: TOS %#x", tos, p.TOS)
		}
	}
}

// As much is quoted as fits in 576 and 1280 bytes, and not a byte more.
func TestAppendErrorQuotesWithinTheLimits(t *testing.T) {
	for _, c := range []struct {
		size, want int
		orig       func(int) []byte
		src        netip.Addr
	}{
		{28, 56, func(n int) []byte { return udp4(n - 28) }, edge4},
		{548, 576, func(n int) []byte { return udp4(n - 28) }, edge4},
		{549, 576, func(n int) []byte { return udp4(n - 28) }, edge4},
		{65535, 576, func(n int) []byte { return udp4(n - 28) }, edge4},
		{48, 96, func(n int) []byte { return udp6(n - 48) }, edge6},
		{1232, 1280, func(n int) []byte { return udp6(n - 48) }, edge6},
		{1233, 1280, func(n int) []byte { return udp6(n - 48) }, edge6},
		{9000, 1280, func(n int) []byte { return udp6(n - 48) }, edge6},
	} {
		orig := c.orig(c.size)
		b := errorAbout(t, orig, c.src)
		p := mustParse(t, b)
		if len(b) != c.want || !p.TransportOK() {
			t.Errorf("about %d bytes: %d bytes, want %d; checksum ok %v", c.size, len(b), c.want, p.TransportOK())
		}
		quote := p.Transport()[8:]
		wantBytes(t, quote, orig[:len(quote)])
	}
}

func TestAppendErrorFields(t *testing.T) {
	for _, c := range []struct {
		e    Error
		orig []byte
		word uint32
		mtu  uint32
	}{
		{Error{Src: edge4, Type: 3, Code: 4, MTU: 1300}, udp4(0), 1300, 1300},
		{Error{Src: edge4, Type: 3, Code: 1, MTU: 1300}, udp4(0), 0, 0},
		{Error{Src: edge4, Type: 12, Code: 0, Pointer: 9}, udp4(0), 9 << 24, 0},
		{Error{Src: edge6, Type: 2, Code: 0, MTU: 70000}, udp6(0), 70000, 70000},
		{Error{Src: edge6, Type: 4, Code: 1, Pointer: 40}, udp6(0), 40, 0},
		{Error{Src: edge6, Type: 1, Code: 4, Pointer: 40, MTU: 1300}, udp6(0), 0, 0},
	} {
		b, ok := AppendError(nil, c.e, mustParse(t, c.orig))
		if !ok {
			t.Fatalf("%+v: nothing made", c.e)
		}
		p := mustParse(t, b)
		w := p.Transport()[4:8]
		if got := uint32(w[0])<<24 | uint32(w[1])<<16 | uint32(w[2])<<8 | uint32(w[3]); got != c.word || p.MTU() != c.mtu {
			t.Errorf("%+v: word %#x, MTU %d; want %#x, %d", c.e, got, p.MTU(), c.word, c.mtu)
		}
		if p.Type != c.e.Type || p.Code != c.e.Code || p.TTL != 64 || !p.TransportOK() || !p.IsICMPError() {
			t.Errorf("%+v: read back %+v", c.e, p)
		}
	}
	b, _ := AppendError(nil, Error{Src: edge4, Type: 3, TTL: 17}, mustParse(t, udp4(0)))
	if ttl := mustParse(t, b).TTL; ttl != 17 {
		t.Errorf("TTL %d, want 17", ttl)
	}
}

// RFC 1812 §4.3.2.7, RFC 4443 §2.4 e: about what no error is made.
func TestAppendErrorStaysSilent(t *testing.T) {
	later := goodPackets(t)["fragment4"]
	later[7] = 1 // offset 8
	fixHeader(later)
	redirect4, redirect6, unknown6 := echo4(8), echo6(8), echo6(8)
	redirect4[20], redirect6[40], unknown6[40] = 5, 137, 100
	for name, c := range map[string]struct {
		orig []byte
		src  netip.Addr
	}{
		"an IPv4 error":               {errorAbout(t, echo4(8), edge4), edge4},
		"an IPv6 error":               {errorAbout(t, echo6(8), edge6), edge6},
		"a later IPv4 fragment":       {later, edge4},
		"a later IPv6 fragment":       {raw(t, fragment6), edge6},
		"a reporter of the v6 family": {echo4(8), edge6},
		"a reporter of the v4 family": {echo6(8), edge4},
		"no reporter":                 {echo6(8), netip.Addr{}},
		"an IPv4 redirect":            {redirect4, edge4},
		"an IPv6 redirect":            {redirect6, edge6},
		"an unknown ICMPv6 error":     {unknown6, edge6},
	} {
		b, ok := AppendError([]byte("keep"), Error{Src: c.src, Type: 3}, mustParse(t, c.orig))
		if ok || string(b) != "keep" {
			t.Errorf("about %s: an error of %d bytes", name, len(b)-4)
		}
	}
	for name, b := range map[string][]byte{"IPv4": goodPackets(t)["fragment4"]} {
		if _, ok := AppendError(nil, Error{Src: edge4, Type: TypeTimeExceeded, Code: 1}, mustParse(t, b)); !ok {
			t.Errorf("%s: no error about a first fragment", name)
		}
	}
}

// What is quoted is read back as the client's own packet (RFC 5508 REQ-4).
func TestQuoted(t *testing.T) {
	for name, b := range map[string][]byte{
		"echo4": echo4(700), "echo6": echo6(1400), "udp4": udp4(1), "udp6": udp6(1), "tcp4": tcp4(FlagSYN, 0), "tcp6": tcp6(FlagSYN, 0),
	} {
		orig, src := mustParse(t, b), edge4
		if orig.V6 {
			src = edge6
		}
		p := mustParse(t, errorAbout(t, b, src))
		var q Packet
		if !p.Quoted(&q) {
			t.Errorf("%s: nothing quoted", name)
			continue
		}
		wantBytes(t, q.Raw, b[:len(q.Raw)])
		want := *orig
		q.Raw, want.Raw = nil, nil
		if !equalPacket(q, want) {
			t.Errorf("%s\n got %+v\nwant %+v", name, q, want)
		}
	}
}

func TestQuotedRefuses(t *testing.T) {
	var q Packet
	if mustParse(t, echo4(64)).Quoted(&q) {
		t.Error("an echo request quotes nothing")
	}
	for name, b := range map[string][]byte{"IPv4": errorAbout(t, udp4(0), edge4), "IPv6": errorAbout(t, udp6(0), edge6)} {
		p := mustParse(t, b)
		for n := p.Hdr + 8; n < len(b); n++ {
			cut := *p
			cut.Raw = bytes.Clone(b[:n:n])
			if cut.Quoted(&q) {
				t.Errorf("%s: a quote of %d bytes was believed", name, n-p.Hdr-8)
			}
		}
		bad := *p
		bad.Raw = bytes.Clone(b)
		bad.Raw[p.Hdr+8] = 0x50
		if bad.Quoted(&q) {
			t.Errorf("%s: a quote of version 5 was believed", name)
		}
	}
}

// Of another protocol everything is quoted that its header says, though it be no more than that.
func TestQuotedOfAnotherProtocol(t *testing.T) {
	for name, b := range map[string][]byte{"IPv4": udp4(0), "IPv6": udp6(0)} {
		sent := mustParse(t, b)
		if sent.V6 {
			sent.Raw[6] = 50
		} else {
			sent.Raw[9] = 50
			fixHeader(sent.Raw)
		}
		sent = mustParse(t, sent.Raw)
		src := edge4
		if sent.V6 {
			src = edge6
		}
		e, ok := AppendError(nil, Error{Src: src, Type: TypeTimeExceeded}, sent)
		if sent.V6 {
			e, ok = AppendError(nil, Error{Src: src, Type: Type6TimeExceeded}, sent)
		}
		p := mustParse(t, e)
		for n := p.Hdr + 8; ok && n <= len(e); n++ {
			cut, q := *p, Packet{}
			cut.Raw = e[:n:n]
			if whole := n >= p.Hdr+8+sent.Hdr; cut.Quoted(&q) != whole || whole && (q.Class != ClassOther || q.Proto != 50 || q.Src != sent.Src || q.Dst != sent.Dst) {
				t.Errorf("%s, %d bytes of %d: %+v", name, n, len(e), q)
			}
		}
	}
}

func TestAppendEchoReply(t *testing.T) {
	for name, b := range map[string][]byte{"IPv4": echo4(0), "IPv4, 1000 bytes": echo4(1000), "IPv6": echo6(5)} {
		req := mustParse(t, b)
		p := mustParse(t, AppendEchoReply(nil, req))
		if !p.IsEchoReply() || p.Src != req.Dst || p.Dst != req.Src || p.Ident != req.Ident || p.Seq != req.Seq || p.TTL != DefaultTTL || !p.TransportOK() {
			t.Errorf("%s: %+v, checksum ok %v", name, p, p.TransportOK())
		}
		wantBytes(t, p.Payload(), req.Payload())
	}
}

func TestAppendEchoGolden(t *testing.T) {
	b := AppendEcho(nil, &Echo{Src: laptop4, Dst: server4, Ident: 0x1234, Seq: 7, TTL: 3, TOS: 0xb8, ID: 0x4242})
	wantBytes(t, b, raw(t, `
		45 b8 001c 4242 0000 03 01 59fe  # EF, 28 bytes, TTL 3, DF clear
		64600001 ac100a78
		08 00 e5c4 1234 0007             # echo request without payload`))
	b = AppendEcho(nil, &Echo{Src: server6, Dst: laptop6, Ident: 1, Seq: 2, TOS: 0x12, Reply: true, Payload: []byte{0xff}})
	wantBytes(t, b, raw(t, `
		61 2 00000 0009 3a 40            # traffic class 0x12, 9 bytes, ICMPv6, hop limit 64
		fd000000001000000000000000000120
		fd000000006400000000000000000001
		81 00 8421 0001 0002 ff          # echo reply`))
}
