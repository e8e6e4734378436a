package packet

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
)

func TestAppendUDPGolden(t *testing.T) {
	b := AppendUDP(nil, &UDPPacket{
		Src: netip.AddrPortFrom(server4, 53), Dst: netip.AddrPortFrom(laptop4, 5000), TTL: 61, TOS: 4, DF: true, ID: 0x0102, Payload: []byte("abc"),
	})
	wantBytes(t, b, raw(t, `
		45 04 001f 0102 4000 3d 11 21df  # 31 bytes, DF, TTL 61, UDP
		ac100a78 64600001
		0035 1388 000b 0ccf 616263`))
	for _, n := range []int{0, 1, 1200, 1472, 9000, 65507} {
		p := mustParse(t, udp4(n))
		if len(p.Payload()) != n || !p.TransportOK() {
			t.Errorf("payload of %d bytes: %d read back, checksum ok %v", n, len(p.Payload()), p.TransportOK())
		}
	}
}

// A reset has the class of what it resets, as Linux's has, but not its ECN bits.
func TestRSTClass(t *testing.T) {
	for _, b := range [][]byte{tcp4(FlagSYN, 0), tcp6(FlagSYN, 0)} {
		seg := mustParse(t, b)
		seg.TOS = 0xb9
		out, _ := AppendRST(nil, seg, 0)
		if p := mustParse(t, out); p.TOS != 0xb8 {
			t.Errorf("TOS %#x", p.TOS)
		}
	}
}

// RFC 9293 §3.10.7.1: what a closed port answers.
func TestAppendRST(t *testing.T) {
	for _, c := range []struct {
		name       string
		flags      uint8
		payload    int
		want       bool
		seq, ack   uint32
		wantsFlags uint8
	}{
		{"SYN", FlagSYN, 0, true, 0, 1001, FlagRST | FlagACK},
		{"SYN with data (TFO)", FlagSYN, 10, true, 0, 1011, FlagRST | FlagACK},
		{"ACK", FlagACK, 0, true, 2000, 0, FlagRST},
		{"data", FlagACK, 100, true, 2000, 0, FlagRST},
		{"FIN, ACK", FlagFIN | FlagACK, 0, true, 2000, 0, FlagRST},
		{"SYN, ACK", FlagSYN | FlagACK, 0, true, 2000, 0, FlagRST},
		{"FIN without ACK", FlagFIN, 5, true, 0, 1006, FlagRST | FlagACK},
		{"nothing set", 0, 5, true, 0, 1005, FlagRST | FlagACK},
		{"RST", FlagRST, 0, false, 0, 0, 0},
		{"RST, ACK", FlagRST | FlagACK, 0, false, 0, 0, 0},
	} {
		for family, b := range map[string][]byte{"IPv4": tcp4(c.flags, c.payload), "IPv6": tcp6(c.flags, c.payload)} {
			seg := mustParse(t, b)
			out, ok := AppendRST([]byte("keep"), seg, 0)
			if ok != c.want || !bytes.HasPrefix(out, []byte("keep")) {
				t.Errorf("%s %s: answered %v", family, c.name, ok)
				continue
			}
			if !ok {
				if len(out) != 4 {
					t.Errorf("%s %s: something was appended", family, c.name)
				}
				continue
			}
			p := mustParse(t, out[4:])
			ack := binary.BigEndian.Uint32(p.Transport()[8:])
			if p.TCPFlags() != c.wantsFlags || p.TCPSeq() != c.seq || ack != c.ack {
				t.Errorf("%s %s: flags %#x seq %d ack %d, want %#x %d %d", family, c.name, p.TCPFlags(), p.TCPSeq(), ack, c.wantsFlags, c.seq, c.ack)
			}
			if p.SrcAddrPort() != seg.DstAddrPort() || p.DstAddrPort() != seg.SrcAddrPort() || p.TTL != 64 || len(p.Payload()) != 0 || !p.TransportOK() {
				t.Errorf("%s %s: %+v, checksum ok %v", family, c.name, p, p.TransportOK())
			}
		}
	}
}

func TestIsSYN(t *testing.T) {
	for flags, want := range map[uint8]bool{
		FlagSYN: true, FlagSYN | 0xc0: true /* ECN setup */, FlagSYN | FlagACK: false, FlagACK: false, FlagSYN | FlagRST: false, 0: false,
	} {
		if got := mustParse(t, tcp4(flags, 0)).IsSYN(); got != want {
			t.Errorf("flags %#x: IsSYN = %v", flags, got)
		}
	}
	if mustParse(t, udp4(20)).IsSYN() {
		t.Error("a UDP packet is no SYN")
	}
}

func TestReasonNames(t *testing.T) {
	seen := make(map[string]bool)
	for r := range NumReasons {
		if s := r.String(); s == "" || seen[s] {
			t.Errorf("reason %d has no name of its own: %q", r, s)
		} else {
			seen[s] = true
		}
	}
	if got := Reason(255).String(); got != "reason 255" {
		t.Error(got)
	}
	var c Counters
	c.Count(Spoofed)
	c.Count(Spoofed)
	c.Count(OK)
	if got := c.Snapshot(); len(got) != 2 || got["spoofed"] != 2 || got["ok"] != 1 || c.Get(Spoofed) != 2 || c.Get(Denied) != 0 {
		t.Errorf("snapshot %v", got)
	}
}

// The packet path does not allocate.
func TestNothingAllocates(t *testing.T) {
	buf := make([]byte, 0, 70000)
	all := goodPackets(t)
	var p, q Packet
	check := func(name string, f func() bool) {
		t.Helper()
		if n := testing.AllocsPerRun(100, func() {
			if !f() {
				t.Fatal(name, "failed")
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	for name, b := range all {
		check("Parse "+name, func() bool { return Parse(b, &p) == OK })
		check("Forward "+name, func() bool { Parse(b, &p); p.SetTTL(64); return p.Forward() })
	}
	for name, src := range map[string]netip.Addr{"echo4": edge4, "echo6": edge6} {
		b := all[name]
		check("AppendError "+name, func() bool { Parse(b, &p); _, ok := AppendError(buf, Error{Src: src, Type: 3}, &p); return ok })
		check("AppendEchoReply "+name, func() bool { Parse(b, &p); return len(AppendEchoReply(buf, &p)) > 0 })
		check("SetDF "+name, func() bool { Parse(b, &p); p.SetDF(true); return p.TransportOK() })
	}
	check("AppendRST", func() bool { Parse(all["tcp4"], &p); _, ok := AppendRST(buf, &p, 64); return ok })
	check("Quoted", func() bool { Parse(all["error6"], &p); return p.Quoted(&q) })
	u := UDPPacket{Src: netip.AddrPortFrom(laptop4, 1), Dst: netip.AddrPortFrom(server4, 2), Payload: make([]byte, 1200)}
	check("AppendUDP", func() bool { return len(AppendUDP(buf, &u)) > 0 })
}

func BenchmarkParse(b *testing.B) {
	pkt := udp4(1200)
	var p Packet
	for b.Loop() {
		Parse(pkt, &p)
	}
}

func BenchmarkForward(b *testing.B) {
	p := mustParse(b, echo4(56))
	for b.Loop() {
		p.SetTTL(64)
		p.Forward()
	}
}

func BenchmarkAppendError(b *testing.B) {
	p, buf := mustParse(b, echo4(56)), make([]byte, 0, 2000)
	for b.Loop() {
		AppendError(buf, Error{Src: edge4, Type: TypeTimeExceeded}, p)
	}
}

func BenchmarkChecksum1500(b *testing.B) {
	buf := make([]byte, 1500)
	b.SetBytes(1500)
	for b.Loop() {
		Checksum(buf, 0)
	}
}
