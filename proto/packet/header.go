package packet

import (
	"encoding/binary"
	"net/netip"
)

// header is what appendHeader needs of an IP header.
type header struct {
	src, dst netip.Addr
	ttl, tos uint8
	proto    uint8
	df       bool
	id       uint16
	length   int // of what follows the header

	options []byte // of IPv4, a multiple of 4 bytes, at most 40
}

func headerSize(v6 bool) int {
	if v6 {
		return 40
	}
	return 20
}

// appendHeader appends an IPv4 or IPv6 header, the latter without options.
func appendHeader(b []byte, h header) []byte {
	if h.ttl == 0 {
		h.ttl = DefaultTTL
	}
	if h.dst.Is6() {
		b = append(b, 0x60|h.tos>>4, h.tos<<4, 0, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(h.length))
		b = append(b, h.proto, h.ttl)
		src, dst := h.src.As16(), h.dst.As16()
		return append(append(b, src[:]...), dst[:]...)
	}
	start := len(b)
	var frag uint16
	if h.df {
		frag = 0x4000
	}
	size := 20 + len(h.options)
	b = append(b, 0x40|byte(size/4), h.tos)
	b = binary.BigEndian.AppendUint16(b, uint16(size+h.length))
	b = binary.BigEndian.AppendUint16(b, h.id)
	b = binary.BigEndian.AppendUint16(b, frag)
	b = append(b, h.ttl, h.proto, 0, 0)
	src, dst := h.src.As4(), h.dst.As4()
	b = append(append(b, src[:]...), dst[:]...)
	b = append(b, h.options...)
	setHeaderChecksum(b[start:], size)
	return b
}
