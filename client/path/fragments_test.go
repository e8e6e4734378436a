package path

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

func addAll(t testing.TB, r *reassembler, frags [][]byte) (whole []byte) {
	t.Helper()
	for i, f := range frags {
		var p packet.Packet
		if why := packet.Parse(f, &p); why != packet.OK {
			t.Fatalf("fragment %d: %s", i, why)
		}
		w, why := r.add(&p, start)
		if why != packet.OK {
			t.Fatalf("fragment %d: %s", i, why)
		}
		if w != nil {
			whole = bytes.Clone(w)
		}
	}
	return whole
}

func TestReassemblyRestoresThePacket(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		for _, size := range []int{1, 1472, 1480, 1481, 8000, 65507} {
			want := echoPacket(v6, false, size)
			frags := fragments(t, want, 1280)
			if len(frags) == 1 { // an atomic fragment never reaches the reassembler
				continue
			}
			if v6 { // ICMPv6 stays an atomic fragment
				want = fragment6(want[:40], packet.ICMPv6, want[40:], 0, false)
			}
			for range 5 {
				r := newReassembler(maxFragmentBytes)
				if got := addAll(t, r, frags); !bytes.Equal(got, want) {
					t.Fatalf("v6 %v, %d bytes: reassembled packet differs", v6, size)
				}
				if r.used != 0 || len(r.parts) != 0 {
					t.Fatalf("%d bytes, %d packets left", r.used, len(r.parts))
				}
				rand.Shuffle(len(frags), func(i, j int) { frags[i], frags[j] = frags[j], frags[i] })
			}
		}
	}
}

func TestReassemblyBehindExtensionHeaders(t *testing.T) {
	plain := echoPacket(true, false, 3000)
	head := append(bytes.Clone(plain[:40]), packet.ICMPv6, 0, 1, 4, 0, 0, 0, 0) // destination options
	head[6] = 60
	mk := func(data []byte, off int, more bool) []byte {
		f := fragment6(head, packet.ICMPv6, data, off, more)
		f[6], f[40] = 60, 44
		return f
	}
	data := plain[40:]
	want := mk(data, 0, false) // ICMPv6 stays an atomic fragment
	got := addAll(t, newReassembler(maxFragmentBytes), [][]byte{mk(data[:1200], 0, true), mk(data[1200:], 1200, false)})
	if !bytes.Equal(got, want) {
		t.Fatalf("got  %x\nwant %x", got[:64], want[:64])
	}
}

// An IPv6 packet that was fragmented is not "too big" for anybody, however its parts are put
// together.
func TestReassembledPacketsMayBeFragmented(t *testing.T) {
	for _, size := range []int{1400, 65507} {
		var p packet.Packet
		whole := addAll(t, newReassembler(maxFragmentBytes), fragments(t, echoPacket(true, false, size), 1280))
		if r := packet.Parse(whole, &p); r != packet.OK || p.DF || !p.IsEchoRequest() || !p.TransportOK() {
			t.Errorf("%d bytes: %v, DF %v, %+v", size, r, p.DF, p)
		}
	}
	largest := addAll(t, newReassembler(maxFragmentBytes), fragments(t, echoPacket(true, false, 65527), 1280))
	if !bytes.Equal(largest, echoPacket(true, false, 65527)) { // no room for a fragment header
		t.Error("the largest packet differs")
	}
}

func TestReassemblyToleratesDuplicatesAndRefusesOverlap(t *testing.T) {
	frags := fragments(t, echoPacket(false, false, 4000), 1500)
	want := echoPacket(false, false, 4000)
	if got := addAll(t, newReassembler(maxFragmentBytes), [][]byte{frags[0], frags[0], frags[1], frags[1], frags[0], frags[2]}); !bytes.Equal(got, want) {
		t.Fatal("duplicates broke the packet")
	}

	r := newReassembler(maxFragmentBytes)
	addAll(t, r, frags[:1])
	head := frags[0][:20]
	steps := []struct {
		name string
		raw  []byte
		want packet.Reason
	}{
		{"overlaps by 8 bytes", fragment4(head, make([]byte, 16), 1472, true), packet.FragmentOverlap},
		{"innocent fragment of the same packet", frags[1], packet.FragmentOverlap},
		{"last fragment of the same packet", frags[2], packet.FragmentOverlap},
	}
	for _, s := range steps {
		var p packet.Packet
		packet.Parse(s.raw, &p)
		if w, why := r.add(&p, start); w != nil || why != s.want {
			t.Errorf("%s: %s, want %s", s.name, why, s.want)
		}
	}
	if r.used != fragmentCost {
		t.Errorf("a broken packet holds %d bytes, want %d", r.used, fragmentCost)
	}
}

func TestReassemblyRefuses(t *testing.T) {
	head := fragments(t, echoPacket(false, false, 4000), 1500)[0][:20]
	first := fragment4(head, make([]byte, 800), 0, true)
	for _, tt := range []struct {
		name string
		raw  [][]byte
		want packet.Reason
	}{
		{"a middle that is no multiple of 8", [][]byte{fragment4(head, make([]byte, 801), 0, true)}, packet.Malformed},
		{"nothing in it", [][]byte{fragment4(head, nil, 800, false)}, packet.Malformed},
		{"beyond 65535 bytes", [][]byte{fragment4(head, make([]byte, 800), 65528, false)}, packet.Malformed},
		{"same range, other bytes", [][]byte{first, fragment4(head, bytes.Repeat([]byte{1}, 800), 0, true)}, packet.FragmentOverlap},
		{"two ends", [][]byte{fragment4(head, make([]byte, 8), 1600, false), fragment4(head, make([]byte, 8), 2400, false)}, packet.FragmentOverlap},
		{"beyond the end", [][]byte{fragment4(head, make([]byte, 8), 1600, false), fragment4(head, make([]byte, 8), 2400, true)}, packet.FragmentOverlap},
		{"an end before what is there", [][]byte{fragment4(head, make([]byte, 8), 2400, true), fragment4(head, make([]byte, 8), 800, false)}, packet.FragmentOverlap},
	} {
		r, why := newReassembler(maxFragmentBytes), packet.OK
		for _, raw := range tt.raw {
			var p packet.Packet
			packet.Parse(raw, &p)
			_, why = r.add(&p, start)
		}
		if why != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, why, tt.want)
		}
	}
}

func TestReassemblyIsBounded(t *testing.T) {
	const limit = 10_000
	r := newReassembler(limit)
	raw := fragments(t, echoPacket(false, false, 4000), 1500)[0]
	full := 0
	for id := range 100 {
		raw[4], raw[5] = byte(id>>8), byte(id)
		raw = fragment4(raw[:20], raw[20:], 0, true)
		var p packet.Packet
		packet.Parse(raw, &p)
		if _, why := r.add(&p, start.Add(time.Duration(id)*time.Millisecond)); why == packet.TableFull {
			full++
		}
		if r.used > limit {
			t.Fatalf("holds %d bytes, %d allowed", r.used, limit)
		}
	}
	if full == 0 {
		t.Fatal("never full")
	}
	firsts := 0
	if early := r.expire(start.Add(fragmentTimeout - time.Millisecond)); len(early) != 0 {
		t.Errorf("%d expired too early", len(early))
	}
	for _, f := range r.expire(start.Add(fragmentTimeout + time.Second)) {
		if f != nil {
			firsts++
		}
	}
	if r.used != 0 || len(r.parts) != 0 || firsts == 0 {
		t.Errorf("%d bytes, %d packets left, %d first fragments", r.used, len(r.parts), firsts)
	}
}

func FuzzReassembly(f *testing.F) {
	for _, v6 := range []bool{false, true} {
		frags := fragments(f, echoPacket(v6, false, 3000), 1280)
		f.Add(frags[0], frags[1], frags[2])
		f.Add(frags[2], frags[1], frags[0])
		for n := range len(frags[2]) {
			f.Add(frags[0], frags[1], frags[2][:n])
		}
	}
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		r := newReassembler(1 << 17)
		for _, raw := range [][]byte{a, b, c} {
			var p packet.Packet
			if packet.Parse(raw, &p) != packet.OK || p.Class != packet.ClassFragment {
				continue
			}
			whole, why := r.add(&p, start)
			if whole != nil && why == packet.OK && packet.Parse(whole, &p) == packet.OK && p.Class == packet.ClassFragment {
				t.Fatal("a reassembled packet is a fragment")
			}
		}
		r.expire(start.Add(time.Hour))
		if r.used != 0 || len(r.parts) != 0 {
			t.Fatalf("%d bytes, %d packets left", r.used, len(r.parts))
		}
	})
}
