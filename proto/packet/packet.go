// Package packet reads, changes and makes IP packets in memory: parse and
// classify, TTL, checksums, ICMP errors and echo replies, UDP and TCP resets.
// Pure: bytes in, bytes out; nothing here allocates unless the caller's slice
// is too short.
package packet

import (
	"encoding/binary"
	"net/netip"
)

// Protocol numbers (IANA).
const (
	ICMP   = 1
	TCP    = 6
	UDP    = 17
	ICMPv6 = 58
)

// DefaultTTL is the TTL of what we originate.
const DefaultTTL = 64

// MaxSize is the size of the largest IP packet: an IPv6 header does not count itself.
const MaxSize = 40 + 65535

// Class says which way through the client a packet takes.
type Class uint8

// The classes.
const (
	ClassOther    Class = iota // a protocol that we do not carry: it goes no further than the edge
	ClassICMP                  // ICMP or ICMPv6
	ClassUDP                   //
	ClassTCP                   //
	ClassFragment              // needs reassembly before it can be classified
)

// Packet is an IP packet decoded in place. Raw aliases the parsed bytes, cut
// to the length that the IP header states.
type Packet struct {
	Raw      []byte
	Src, Dst netip.Addr
	Proto    uint8 // transport protocol, behind IPv6 extension headers
	Class    Class
	V6       bool
	DF       bool // IPv4 DF; true for IPv6, except in an atomic fragment (RFC 6946) and above maxWhole6: its sender let it be fragmented
	MF       bool // more fragments
	TTL      uint8
	TOS      uint8  // traffic class
	ID       uint32 // IPv4 identification, or that of an IPv6 fragment header
	FragOff  int    // offset of this fragment in bytes
	FragHdr  int    // IPv6: offset of the fragment header, else 0
	Hdr      int    // offset of the transport header (fragment: of its data)

	SrcPort, DstPort uint16 // UDP and TCP
	Type, Code       uint8  // ICMP
	Ident, Seq       uint16 // ICMP queries and their answers

	// Fault is what the sender is to be told, and Pointer of which byte of the packet: where Parse says
	// BadOption, and of ClassOther by who does not carry it. NoError: nothing.
	Fault   ErrorKind
	Pointer uint32

	next int // IPv6: offset of the byte that says which transport or extension header stands at Hdr
}

// Transport returns the transport header and everything behind it.
func (p *Packet) Transport() []byte { return p.Raw[p.Hdr:] }

// unpadded is Transport without what stands behind a UDP datagram's own length:
// that is padding, not payload. A quoted packet may be cut before that length.
func (p *Packet) unpadded() []byte {
	t := p.Transport()
	if p.Class == ClassUDP {
		if n := int(binary.BigEndian.Uint16(t[4:])); n >= 8 && n < len(t) {
			return t[:n]
		}
	}
	return t
}

// Payload returns what stands behind the UDP, TCP or 8-byte ICMP header, all of another protocol.
func (p *Packet) Payload() []byte {
	t := p.unpadded()
	switch p.Class {
	case ClassTCP:
		return t[int(t[12]>>4)*4:]
	case ClassOther: // of whose header nothing is known
		return t
	}
	return t[8:]
}

// SrcAddrPort returns source address and port.
func (p *Packet) SrcAddrPort() netip.AddrPort { return netip.AddrPortFrom(p.Src, p.SrcPort) }

// DstAddrPort returns destination address and port.
func (p *Packet) DstAddrPort() netip.AddrPort { return netip.AddrPortFrom(p.Dst, p.DstPort) }

// IsICMPError says whether p is an ICMP error: unreachable, packet too big,
// time exceeded or parameter problem (RFC 792, RFC 4443 §2.1).
func (p *Packet) IsICMPError() bool {
	if p.Class != ClassICMP {
		return false
	}
	if p.V6 {
		return p.Type >= 1 && p.Type <= 4
	}
	return p.Type == TypeUnreachable || p.Type == TypeTimeExceeded || p.Type == TypeParamProblem
}

// Parse decodes b into p. It checks every length once, so that no later
// access through p's offsets can be out of bounds, and verifies the IPv4
// header checksum (RFC 1812 §5.2.2) but not those of the transport.
//
// The reason is OK, Malformed, Multicast (multicast, broadcast, unspecified
// destination or source), Unsupported (a source route, RFC 7126 §4.3; a hop-by-hop option
// that is to be discarded) or BadOption: an option that the first router answers with a
// parameter problem, p.Fault about the byte at p.Pointer.
func Parse(b []byte, p *Packet) Reason {
	*p = Packet{}
	if len(b) < 20 {
		return Malformed
	}
	r := Malformed
	switch b[0] >> 4 {
	case 4:
		r = p.parse4(b)
	case 6:
		r = p.parse6(b)
	}
	if r != OK && r != BadOption {
		return r
	}
	if !unicast(p.Src) || !unicast(p.Dst) {
		return Multicast
	}
	if p.MF || p.FragOff != 0 {
		p.Class = ClassFragment
		return r
	}
	if t := p.parseTransport(); t != OK && (r == OK || p.Proto == icmpProto(p.V6)) {
		return t // of what may be an ICMP error no error is made
	}
	return r
}

func (p *Packet) parse4(b []byte) Reason {
	ihl, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if ihl < 20 || total < ihl || total > len(b) || Checksum(b[:ihl], 0) != 0 {
		return Malformed
	}
	p.Raw = b[:total]
	p.TOS, p.TTL, p.Proto = b[1], b[8], b[9]
	p.ID = uint32(binary.BigEndian.Uint16(b[4:]))
	frag := binary.BigEndian.Uint16(b[6:])
	p.DF, p.MF, p.FragOff = frag&0x4000 != 0, frag&0x2000 != 0, int(frag&0x1fff)*8
	p.Src, p.Dst = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	p.Hdr = ihl
	if ihl == 20 {
		return OK
	}
	at, r := checkOptions(b[:ihl])
	if r == BadOption {
		p.Fault, p.Pointer = BadField, uint32(at)
	}
	return r
}

// maxWhole6 is the size of the largest IPv6 packet that can have a fragment header, too. What was
// put together and is larger has no room to say that it was fragmented; no link carries as much in
// one piece.
const maxWhole6 = MaxSize - 8

func (p *Packet) parse6(b []byte) Reason {
	if len(b) < 40 {
		return Malformed
	}
	total := 40 + int(binary.BigEndian.Uint16(b[4:]))
	if total > len(b) {
		return Malformed
	}
	p.Raw = b[:total]
	p.V6, p.DF = true, total <= maxWhole6
	p.TOS, p.TTL = b[0]<<4|b[1]>>4, b[7]
	p.Src, p.Dst = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	if p.Src.Is4In6() || p.Dst.Is4In6() { // never on the wire (RFC 4291 §2.5.5.2, RFC 5156 §2.2)
		return Malformed
	}
	r := OK
	if b[6] == hopByHop {
		if r = p.checkHopOptions(); r != OK && r != BadOption {
			return r
		}
	}
	if e := p.skipExtensions(b[6], 40); e != OK {
		return e
	}
	return r
}

func (p *Packet) parseTransport() Reason {
	t := p.Transport()
	switch {
	case p.Proto == UDP:
		if len(t) < 8 {
			return Malformed
		}
		if n := int(binary.BigEndian.Uint16(t[4:])); n < 8 || n > len(t) {
			return Malformed
		}
		p.Class = ClassUDP
		p.SrcPort, p.DstPort = binary.BigEndian.Uint16(t), binary.BigEndian.Uint16(t[2:])
	case p.Proto == TCP:
		if len(t) < 20 || int(t[12]>>4)*4 < 20 || int(t[12]>>4)*4 > len(t) {
			return Malformed
		}
		p.Class = ClassTCP
		p.SrcPort, p.DstPort = binary.BigEndian.Uint16(t), binary.BigEndian.Uint16(t[2:])
	case p.Proto == ICMP && !p.V6 || p.Proto == ICMPv6 && p.V6:
		if len(t) < 8 {
			return Malformed
		}
		p.Class = ClassICMP
		p.Type, p.Code = t[0], t[1]
		if p.IsQuery() || p.IsQueryReply() {
			p.Ident, p.Seq = binary.BigEndian.Uint16(t[4:]), binary.BigEndian.Uint16(t[6:])
		}
	default:
		p.Class = ClassOther
		p.unknown()
	}
	return OK
}

// unknown says what the sender of ClassOther is told by who does not carry it: that its protocol is
// unreachable (RFC 1122 §3.2.2.1), of IPv6 that its next header is not recognized (RFC 4443 §3.4).
// Nothing is said where an IPv6 extension header is all that is left: only the destination itself may
// say that it does not know it, and behind no next header (59) nothing is to be processed (RFC 8200 §4.7).
func (p *Packet) unknown() {
	if p.Fault != NoError || p.V6 && isExtension(p.Proto) {
		return
	}
	p.Fault, p.Pointer = ProtoUnreachable, uint32(p.next)
}

// unicast says whether a may be the source or destination of what we carry.
func unicast(a netip.Addr) bool {
	if a.Is4() {
		b := a.As4()
		return b[0] < 224 && b[0] != 0
	}
	return !a.IsMulticast() && !a.IsUnspecified() && !a.IsLinkLocalUnicast()
}

// TransportOK verifies the transport checksum of an unfragmented packet. A UDP
// checksum of zero is valid in IPv4 only (RFC 768, RFC 8200 §8.1).
func (p *Packet) TransportOK() bool {
	t := p.unpadded()
	switch p.Class {
	case ClassUDP:
		if t[6] == 0 && t[7] == 0 {
			return !p.V6
		}
	case ClassICMP:
		if !p.V6 {
			return Checksum(t, 0) == 0
		}
	case ClassTCP:
	default:
		return false
	}
	return Checksum(t, pseudo(p.Src, p.Dst, p.Proto, len(t))) == 0
}
