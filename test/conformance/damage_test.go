//go:build linux

package conformance

import (
	"encoding/binary"
	"fmt"

	"github.com/oneping/oneping/proto/packet"
)

// beyond moves the last fragment to the end of what an offset can say ("ping of death").
func beyond(packets [][]byte) {
	last := packets[len(packets)-1]
	if last[0]>>4 == 6 {
		binary.BigEndian.PutUint16(last[42:], 0xfff8)
		return
	}
	binary.BigEndian.PutUint16(last[6:], 0x1fff)
	seal(last)
}

// seal writes the IPv4 header checksum.
func seal(b []byte) {
	n := int(b[0]&15) * 4
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], packet.Checksum(b[:n], 0))
}

// flip returns a twist that inverts the byte at an offset of the first packet.
func flip(at int) func([][]byte) {
	return func(packets [][]byte) { packets[0][at] ^= 0xff }
}

// damaged: headers that a router drops, checksums that it does not look at but an
// origin does.
func damaged(v6 bool) []probe {
	var out []probe
	add := func(what string, p probe) {
		p.name = fmt.Sprintf("%s %s, %s, TTL %d", protoNames[p.proto], version(v6), what, p.ttl)
		p.dst = places[0].addr(v6)
		if p.port == 0 {
			p.port = portOpen
		}
		out = append(out, p)
	}
	head := 20
	if v6 {
		head = 40
	}
	sums := map[uint8]int{packet.ICMP: head + 2, packet.UDP: head + 6, packet.TCP: head + 16}
	for _, proto := range []uint8{packet.ICMP, packet.UDP, packet.TCP} {
		for _, ttl := range []uint8{1, 64} {
			want := silent
			if ttl == 1 {
				want = "time exceeded" // a router does not verify it
			}
			add("bad checksum", probe{proto: proto, ttl: ttl, want: want, twist: flip(sums[proto])})
			if v6 {
				continue
			}
			add("bad header checksum", probe{proto: proto, ttl: ttl, want: silent, twist: flip(10)})
			add("wrong version", probe{proto: proto, ttl: ttl, want: silent, twist: func(packets [][]byte) {
				packets[0][0] = 0x55
				seal(packets[0])
			}})
		}
		add("truncated", probe{proto: proto, ttl: 1, want: silent, twist: func(packets [][]byte) {
			b := packets[0]
			if v6 {
				binary.BigEndian.PutUint16(b[4:], uint16(len(b)))
				return
			}
			binary.BigEndian.PutUint16(b[2:], uint16(len(b)+8))
			seal(b)
		}})
	}
	if v6 {
		return out
	}
	for _, ttl := range []uint8{1, 2, 3, 64} {
		want := "time exceeded"
		if ttl == 64 {
			want = "UDP"
		}
		add("no checksum", probe{proto: packet.UDP, ttl: ttl, size: 16, want: want, twist: func(packets [][]byte) { packets[0][26], packets[0][27] = 0, 0 }})
	}
	return out
}
