package osroute

import (
	"encoding/binary"
	"net/netip"
)

// The binary layouts of macOS that this package sends to its kernel, in host byte order (little
// endian on all Macs). They have no build tag so that their golden bytes are tested on Linux.
//
// struct rt_msghdr (net/route.h), 92 bytes, followed by the sockaddrs that addrs names, each
// padded to 4 bytes:
//
//	 0       2     3      4      6    8       12      16    20    24      28    32      36        92
//	+-------+-----+------+------+----+-------+-------+-----+-----+-------+-----+-------+---------+
//	| len   | ver | type | index| -  | flags | addrs | pid | seq | errno | use | inits | metrics |
//	+-------+-----+------+------+----+-------+-------+-----+-----+-------+-----+-------+---------+
//
// struct ifaliasreq (net/if.h), 64 bytes:           name[16] address[16] destination[16] mask[16]
// struct in6_aliasreq (netinet6/in6_var.h), 128:    name[16] address[28] destination[28] mask[28]
// flags[4] lifetimes[24] struct ifreq, 32; struct in6_ifreq, 288:          name[16] address[16 or
// 28] …
const (
	rtmVersion = 5
	rtmAdd     = 1
	rtmDelete  = 2
	rtmHdrLen  = 92

	rtaDst, rtaGateway, rtaNetmask = 1, 2, 4

	rtfUp, rtfGateway, rtfHost, rtfReject = 0x1, 0x2, 0x4, 0x8
	rtfStatic                             = 0x800

	afInet, afLink, afInet6              = 2, 18, 30
	sockaddrInLen, sockaddrIn6Len        = 16, 28
	sockaddrDLLen                        = 20
	darwinNameLen                        = 16
	in6AliasLen, ifAliasLen              = 128, 64
	ifReqLen, in6IfReqLen                = 32, 288
	in6FlagNoDAD                         = 0x0020 // IN6_IFF_NODAD
	infiniteLifetime              uint32 = 0xffffffff
)

// routeMessage encodes an RTM_ADD or RTM_DELETE for r: through the interface index, or a reject
// by the loopback address.
func routeMessage(kind byte, seq int32, r hostRoute, index uint16) []byte {
	flags, addrs := uint32(rtfUp|rtfStatic), uint32(rtaDst|rtaGateway)
	if r.dst.IsSingleIP() {
		flags |= rtfHost
	} else {
		addrs |= rtaNetmask
	}
	b := make([]byte, rtmHdrLen, 200)
	b = appendSockaddr(b, r.dst.Addr())
	if r.stop {
		flags |= rtfGateway | rtfReject
		b = appendSockaddr(b, loopback(r.dst.Addr().Is6()))
	} else {
		b = appendSockaddrDL(b, index)
		binary.LittleEndian.PutUint16(b[4:], index)
	}
	if addrs&rtaNetmask != 0 {
		b = appendSockaddr(b, mask(r.dst))
	}
	binary.LittleEndian.PutUint16(b, uint16(len(b)))
	b[2], b[3] = rtmVersion, kind
	binary.LittleEndian.PutUint32(b[8:], flags)
	binary.LittleEndian.PutUint32(b[12:], addrs)
	binary.LittleEndian.PutUint32(b[20:], uint32(seq))
	return b
}

func loopback(v6 bool) netip.Addr {
	if v6 {
		return netip.IPv6Loopback()
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// mask returns p's netmask as an address.
func mask(p netip.Prefix) netip.Addr {
	b := make([]byte, p.Addr().BitLen()/8)
	for i := range p.Bits() {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// appendSockaddr appends a struct sockaddr_in or sockaddr_in6.
func appendSockaddr(b []byte, a netip.Addr) []byte {
	at := len(b)
	if a.Is4() {
		b = append(b, make([]byte, sockaddrInLen)...)
		b[at], b[at+1] = sockaddrInLen, afInet
		copy(b[at+4:], a.AsSlice())
		return b
	}
	b = append(b, make([]byte, sockaddrIn6Len)...)
	b[at], b[at+1] = sockaddrIn6Len, afInet6
	copy(b[at+8:], a.AsSlice())
	return b
}

// appendSockaddrDL appends a struct sockaddr_dl that names an interface by its index.
func appendSockaddrDL(b []byte, index uint16) []byte {
	at := len(b)
	b = append(b, make([]byte, sockaddrDLLen)...)
	b[at], b[at+1] = sockaddrDLLen, afLink
	binary.LittleEndian.PutUint16(b[at+2:], index)
	return b
}

// aliasRequest encodes the argument of SIOCAIFADDR or SIOCAIFADDR_IN6 for an address of a
// point-to-point device.
func aliasRequest(device string, p netip.Prefix) []byte {
	b := make([]byte, darwinNameLen, in6AliasLen)
	copy(b[:darwinNameLen-1], device)
	b = appendSockaddr(b, p.Addr())
	if p.Addr().Is4() {
		b = appendSockaddr(b, p.Addr()) // the other end; our own address, as there is none
		return appendSockaddr(b, mask(p))
	}
	b = append(b, make([]byte, sockaddrIn6Len)...) // no other end: with one, the mask must be 128 bits
	b = appendSockaddr(b, mask(p))
	b = binary.LittleEndian.AppendUint32(b, in6FlagNoDAD)
	b = append(b, make([]byte, 16)...) // ia6t_expire, ia6t_preferred: never
	b = binary.LittleEndian.AppendUint32(b, infiniteLifetime)
	return binary.LittleEndian.AppendUint32(b, infiniteLifetime)
}

// deleteRequest encodes the argument of SIOCDIFADDR or SIOCDIFADDR_IN6.
func deleteRequest(device string, a netip.Addr) []byte {
	n := ifReqLen
	if a.Is6() {
		n = in6IfReqLen
	}
	b := make([]byte, darwinNameLen, n)
	copy(b[:darwinNameLen-1], device)
	b = appendSockaddr(b, a)
	return append(b, make([]byte, n-len(b))...)
}

// darwinRoute is what a message of the routing table says, as far as it matters here.
type darwinRoute struct {
	flags  int
	device string
	dst    netip.Addr
	mask   []byte     // nil for a host route and for the default route
	via    netip.Addr // the gateway where it is an address, not a link
}

const (
	rtfLLInfo    = 0x400
	rtfCloned    = 0x20000   // RTF_WASCLONED
	rtfBroadcast = 0x400000  // RTF_BROADCAST
	rtfMulticast = 0x800000  // RTF_MULTICAST
	rtfIfScope   = 0x1000000 // RTF_IFSCOPE: only for sockets bound to that interface
)

// seen turns a macOS route into what the logic knows; false for neighbours, clones, and routes
// for bound sockets only.
func (d darwinRoute) seen() (seenRoute, bool) {
	if d.flags&rtfUp == 0 || d.flags&(rtfLLInfo|rtfCloned|rtfBroadcast|rtfMulticast|rtfIfScope) != 0 || !d.dst.IsValid() {
		return seenRoute{}, false
	}
	bits := d.dst.BitLen()
	switch {
	case d.flags&rtfHost != 0:
	case d.mask == nil && !d.dst.IsUnspecified():
		return seenRoute{}, false
	default:
		bits = ones(d.mask)
	}
	dst, err := d.dst.WithZone("").Prefix(bits)
	if err != nil {
		return seenRoute{}, false
	}
	static := d.flags&(rtfStatic|rtfGateway) != 0
	return seenRoute{
		via:       d.via.WithZone(""),
		mainRoute: mainRoute{dst: dst, device: d.device, gateway: d.flags&rtfGateway != 0 || d.via.IsValid(), byAddress: !static},
		stop:      d.flags&rtfReject != 0,
	}, true
}

// ones counts the leading one bits of a mask, which the kernel may send shortened.
func ones(mask []byte) int {
	n := 0
	for _, b := range mask {
		for bit := byte(0x80); bit != 0; bit >>= 1 {
			if b&bit == 0 {
				return n
			}
			n++
		}
	}
	return n
}
