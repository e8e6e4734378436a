package packet

import (
	"encoding/binary"
	"net/netip"
)

// Quoted decodes the packet that the ICMP error p quotes into q. A quoted packet is
// usually cut short and its checksums may be wrong: only its addresses,
// protocol, ports and the identifier and sequence of a query are filled in, and
// q.Raw may be shorter than the header says. False where too little is quoted.
func (p *Packet) Quoted(q *Packet) bool {
	*q = Packet{}
	if !p.IsICMPError() {
		return false
	}
	b := p.Transport()[8:]
	if p.V6 {
		return q.quoted6(b)
	}
	return q.quoted4(b)
}

func (p *Packet) quoted4(b []byte) bool {
	if len(b) < 20 || b[0]>>4 != 4 {
		return false
	}
	ihl := int(b[0]&15) * 4
	if ihl < 20 || len(b) < ihl {
		return false
	}
	*p = Packet{Raw: b, TOS: b[1], TTL: b[8], Proto: b[9], Hdr: ihl, ID: uint32(binary.BigEndian.Uint16(b[4:]))}
	frag := binary.BigEndian.Uint16(b[6:])
	p.DF, p.MF, p.FragOff = frag&0x4000 != 0, frag&0x2000 != 0, int(frag&0x1fff)*8
	p.Src, p.Dst = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	return p.quotedTransport()
}

func (p *Packet) quoted6(b []byte) bool {
	if len(b) < 40 || b[0]>>4 != 6 {
		return false
	}
	*p = Packet{Raw: b, V6: true, DF: true, TOS: b[0]<<4 | b[1]>>4, TTL: b[7]}
	p.Src, p.Dst = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	return p.skipExtensions(b[6], 40) == OK && p.quotedTransport()
}

func (p *Packet) quotedTransport() bool {
	t := p.Transport()
	if p.FragOff != 0 {
		return false
	}
	switch {
	case !p.known():
		p.Class = ClassOther
	case len(t) < 8:
		return false
	case p.Proto == UDP || p.Proto == TCP:
		p.Class = ClassUDP
		if p.Proto == TCP {
			p.Class = ClassTCP
		}
		p.SrcPort, p.DstPort = binary.BigEndian.Uint16(t), binary.BigEndian.Uint16(t[2:])
	default:
		p.Class = ClassICMP
		p.Type, p.Code = t[0], t[1]
		p.Ident, p.Seq = binary.BigEndian.Uint16(t[4:]), binary.BigEndian.Uint16(t[6:])
	}
	return true
}

// known says whether p is of a protocol that we carry.
func (p *Packet) known() bool { return p.Proto == UDP || p.Proto == TCP || p.Proto == icmpProto(p.V6) }
