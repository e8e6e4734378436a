package hop

import (
	"encoding/binary"
	"net/netip"
)

// Martian says whether a can be the source of nothing that comes from another host (RFC 1812
// §5.3.7, RFC 4291 §2.5.3, §2.7): a host drops an error from there unread. Link-local addresses are
// none of a network with hops either.
func Martian(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsValid() || a.IsLoopback() || a.IsUnspecified() || a.IsMulticast() || a.IsLinkLocalUnicast() {
		return true
	}
	return a.Is4() && (a.As4()[0] == 0 || a.As4()[0] >= 240)
}

// Metadata says whether a is, or leads to, the metadata service of a cloud, which gives its
// machine's credentials to whoever asks from there: a connector would ask for its clients. It is
// opened by a prefix of at least named bits, which names it; what means everything, or a network
// that it lies in, does not. named is 0 for all others.
//
//	169.254.0.0/16, fe80::/10      link-local: AWS, Azure, Google, OpenStack and others
//	100.100.100.200                Alibaba
//	168.63.129.16                  Azure, beside 169.254.169.254
//	192.0.0.192                    Oracle, beside 169.254.169.254
//	fd00:ec2::254, fd00:ec2::23    AWS, its pods
//	fd20:ce::254                   Google
//
// and the IPv6 addresses that stand for one of the IPv4 addresses: ::ffff:0:0/96 and ::/96 (RFC
// 4291 §2.5.5), NAT64 by 64:ff9b::/96 and 64:ff9b:1::/48 (RFC 6052 §2.2, RFC 8215), 6to4 2002::/16
// (RFC 3056).
func Metadata(a netip.Addr) (named int, ok bool) {
	if a.Is4() {
		b := a.As4()
		return metadata4(binary.BigEndian.Uint32(b[:]))
	}
	b := a.As16()
	switch first := binary.BigEndian.Uint16(b[:]); {
	case first&0xffc0 == 0xfe80:
		return 10, true
	case isMetadata6(b):
		return 128, true
	case first == 0x2002:
		return leads(b, 2, 3, 4, 5)
	case first == 0x64 && binary.BigEndian.Uint16(b[2:]) == 0xff9b:
		return metadata64(b)
	case first == 0:
		return leads(b, 12, 13, 14, 15)
	}
	return 0, false
}

// metadata4 is Metadata of an IPv4 address.
func metadata4(a uint32) (named int, ok bool) {
	switch {
	case a>>16 == 169<<8|254:
		return 16, true
	case a == 100<<24|100<<16|100<<8|200, a == 168<<24|63<<16|129<<8|16, a == 192<<24|192:
		return 32, true
	}
	return 0, false
}

// isMetadata6 knows those that have an IPv6 address of their own.
func isMetadata6(b [16]byte) bool {
	high, low := binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])
	switch high {
	case 0xfd00_0ec2 << 32:
		return low == 0x254 || low == 0x23
	case 0xfd20_00ce << 32:
		return low == 0x254
	}
	return false
}

// metadata64 is Metadata of an address of NAT64. In the prefix for local use (64:ff9b:1::/48) the
// network says how long its own is: 48, 56, 64 or 96 bits. Byte 8 is left out by all but the last.
func metadata64(b [16]byte) (named int, ok bool) {
	for _, at := range [][4]int{{12, 13, 14, 15}, {6, 7, 9, 10}, {7, 9, 10, 11}, {9, 10, 11, 12}} {
		if named, ok = leads(b, at[0], at[1], at[2], at[3]); ok || b[5] != 1 {
			break
		}
	}
	return named, ok
}

// leads says whether the IPv4 address in these bytes is one of them; only a whole address names it.
func leads(b [16]byte, i, j, k, l int) (named int, ok bool) {
	if _, ok = metadata4(binary.BigEndian.Uint32([]byte{b[i], b[j], b[k], b[l]})); ok {
		named = 128
	}
	return named, ok
}
