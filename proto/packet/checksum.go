package packet

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Checksum returns the Internet checksum of b (RFC 1071) with sum, a partial
// sum as pseudo returns it, added in. Over data that carries a right checksum
// it returns 0.
func Checksum(b []byte, sum uint64) uint16 {
	for len(b) >= 8 {
		var c uint64
		sum, c = bits.Add64(sum, binary.BigEndian.Uint64(b), 0)
		sum += c
		b = b[8:]
	}
	var tail [8]byte
	copy(tail[:], b)
	s, c := bits.Add64(sum, binary.BigEndian.Uint64(tail[:]), 0)
	s += c
	s = s>>32 + s&0xffffffff
	s = s>>16&0xffff + s&0xffff + s>>32
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	return ^uint16(s)
}

// pseudo returns the partial sum of the pseudo header of UDP, TCP and ICMPv6
// (RFC 768, RFC 8200 §8.1).
func pseudo(src, dst netip.Addr, proto uint8, length int) uint64 {
	sum := uint64(proto) + uint64(length)
	return sum + addrSum(src) + addrSum(dst)
}

func addrSum(a netip.Addr) uint64 {
	if a.Is4() {
		b := a.As4()
		return uint64(binary.BigEndian.Uint32(b[:]))
	}
	b := a.As16()
	var sum uint64
	for i := 0; i < 16; i += 4 {
		sum += uint64(binary.BigEndian.Uint32(b[i:]))
	}
	return sum
}

// setHeaderChecksum writes the checksum of an IPv4 header of ihl bytes.
func setHeaderChecksum(b []byte, ihl int) {
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], Checksum(b[:ihl], 0))
}

// setTransportChecksum writes the transport checksum of a packet whose
// transport header starts at hdr.
func setTransportChecksum(b []byte, hdr int, src, dst netip.Addr, proto uint8) {
	t := b[hdr:]
	at, sum := 2, uint64(0)
	switch proto {
	case UDP:
		at = 6
	case TCP:
		at = 16
	}
	if proto != ICMP {
		sum = pseudo(src, dst, proto, len(t))
	}
	t[at], t[at+1] = 0, 0
	c := Checksum(t, sum)
	if c == 0 && proto == UDP {
		c = 0xffff // zero means "none" (RFC 768)
	}
	binary.BigEndian.PutUint16(t[at:], c)
}

// update16 corrects the checksum at c for a 16-bit word that changed (RFC 1624, eqn. 3).
func update16(c []byte, old, new uint16) {
	sum := uint32(^binary.BigEndian.Uint16(c)) + uint32(^old) + uint32(new)
	sum = sum>>16 + sum&0xffff
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(c, ^uint16(sum))
}
