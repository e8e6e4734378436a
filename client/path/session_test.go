package path

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// memoryOf returns the heap that sessions of this shape keep, in bytes for each.
func memoryOf(t *testing.T, sessions, packets int, raw []byte) int {
	t.Helper()
	var p packet.Packet
	if r := packet.Parse(raw, &p); r != packet.OK {
		t.Fatal(r)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	all := newSessions(sessions)
	for i := range sessions {
		s, _ := all.create(tuple{netip.AddrPortFrom(p.Src, uint16(1024+i)), p.DstAddrPort()}, start)
		for range packets {
			s.note(&p)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if all.len() != sessions {
		t.Fatalf("%d sessions, want %d", all.len(), sessions)
	}
	return int(after.HeapAlloc-before.HeapAlloc) / sessions
}

func TestSessionsAreSmall(t *testing.T) {
	for _, tt := range []struct {
		name          string
		v6            bool
		packets, size int
		most          int // bytes of one session
	}{
		{"one question", false, 1, 40, 1 << 10},
		{"one question, IPv6", true, 1, 40, 1 << 10},
		{"bulk", false, 200, 1200, 14 << 10},
		{"bulk, IPv6", true, 200, 1200, 17 << 10},
	} {
		got := memoryOf(t, maxSessions, tt.packets, udpPacket(tt.v6, true, 9, pattern(tt.size)))
		t.Logf("%s: %d bytes, %d MiB for %d sessions", tt.name, got, got*maxSessions>>20, maxSessions)
		if got > tt.most {
			t.Errorf("%s: a session takes %d bytes, want %d at most", tt.name, got, tt.most)
		}
	}
}

// Of an older packet an error quotes its headers and the start of its payload (RFC 792: 64 bits at
// least), of the newest ones as much as RFC 1812 §4.3.2.3 and RFC 4443 §2.4 c have room for.
func TestHowMuchOfAPacketIsQuoted(t *testing.T) {
	for v6, whole := range map[bool]int{false: 576, true: 1280} {
		b := newUDPBed(t)
		b.v.settled = false
		head := whole - packet.MaxQuote(v6) + headSize
		var tags []uint16
		for i := range ringSize + 10 {
			reg, _ := b.out(udpPacket(v6, true, 9, pattern(1300+i)))
			tags = append(tags, reg.Tag)
		}
		typ, code := packet.PortUnreachable.TypeCode(v6)
		rep := router4
		if v6 {
			rep = router6
		}
		for age := range ringSize {
			want := head
			if age < recentSize {
				want = whole
			}
			i := len(tags) - 1 - age
			o := b.event(&proto.UDPEvent{Session: b.last, Kind: proto.EventICMP, ICMPType: typ, ICMPCode: code, Tag: tags[i], Reporter: rep})
			if len(o.back()) != want {
				t.Fatalf("v6 %v, age %d: error of %d bytes, want %d", v6, age, len(o.back()), want)
			}
			quote := mustParse(t, o.back()).Transport()[8:]
			sent := udpPacket(v6, true, 9, pattern(1300+i))
			if string(quote) != string(sent[:len(quote)]) {
				t.Fatalf("v6 %v, age %d: quotes another packet", v6, age)
			}
		}
	}
}

func TestNotingAPacketAllocatesNothing(t *testing.T) {
	for _, size := range []int{20, 1200} {
		var p packet.Packet
		if r := packet.Parse(udpPacket(true, true, 9, pattern(size)), &p); r != packet.OK {
			t.Fatal(r)
		}
		s := newSession(tuple{}, time.Now())
		for range ringSize {
			s.note(&p)
		}
		if n := testing.AllocsPerRun(100, func() { s.note(&p) }); n != 0 {
			t.Errorf("%d bytes: %v allocations", size, n)
		}
	}
}
