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
}

func headerSize(v6 bool) int {
	if v6 {
		return 40
	}
	return 20
}

// appendHeader appends an IPv4 or IPv6 header without options.
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
	b = append(b, 0x45, h.tos)
	b = binary.BigEndian.AppendUint16(b, uint16(20+h.length))
	b = binary.BigEndian.AppendUint16(b, h.id)
	b = binary.BigEndian.AppendUint16(b, frag)
	b = append(b, h.ttl, h.proto, 0, 0)
	src, dst := h.src.As4(), h.dst.As4()
	b = append(append(b, src[:]...), dst[:]...)
	setHeaderChecksum(b[start:], 20)
	return b
}

// UDPPacket describes a UDP packet to be made.
type UDPPacket struct {
	Src, Dst netip.AddrPort
	TTL, TOS uint8 // TTL 0 = DefaultTTL
	DF       bool
	ID       uint16
	Payload  []byte
}

// AppendUDP appends a whole UDP packet. Payloads of 0 to 65,507 bytes (IPv4) fit.
func AppendUDP(b []byte, u *UDPPacket) []byte {
	start, v6 := len(b), u.Dst.Addr().Is6()
	n := 8 + len(u.Payload)
	b = appendHeader(b, header{src: u.Src.Addr(), dst: u.Dst.Addr(), ttl: u.TTL, tos: u.TOS, df: u.DF, id: u.ID, proto: UDP, length: n})
	b = binary.BigEndian.AppendUint16(b, u.Src.Port())
	b = binary.BigEndian.AppendUint16(b, u.Dst.Port())
	b = binary.BigEndian.AppendUint16(b, uint16(n))
	b = append(append(b, 0, 0), u.Payload...)
	setTransportChecksum(b[start:], headerSize(v6), u.Src.Addr(), u.Dst.Addr(), UDP)
	return b
}

// TCP flags.
const (
	FlagFIN = 1 << 0
	FlagSYN = 1 << 1
	FlagRST = 1 << 2
	FlagACK = 1 << 4
)

// TCPFlags returns the flags of a TCP packet.
func (p *Packet) TCPFlags() uint8 { return p.Transport()[13] }

// TCPSeq returns the sequence number of a TCP packet.
func (p *Packet) TCPSeq() uint32 { return binary.BigEndian.Uint32(p.Transport()[4:]) }

// IsSYN says whether p opens a TCP connection: SYN without ACK or RST.
func (p *Packet) IsSYN() bool {
	return p.Class == ClassTCP && p.TCPFlags()&(FlagSYN|FlagACK|FlagRST) == FlagSYN
}

// AppendRST appends the reset that a closed port answers to the segment seg
// (RFC 9293 §3.10.7.1), in its traffic class. ok is false, and nothing appended, when seg is itself a reset.
func AppendRST(b []byte, seg *Packet, ttl uint8) (_ []byte, ok bool) {
	t := seg.Transport()
	flags := t[13]
	if flags&FlagRST != 0 {
		return b, false
	}
	var seq, ack uint32
	out := uint8(FlagRST)
	if flags&FlagACK != 0 {
		seq = binary.BigEndian.Uint32(t[8:])
	} else {
		out |= FlagACK
		ack = seg.TCPSeq() + uint32(len(seg.Payload()))
		if flags&FlagSYN != 0 {
			ack++
		}
		if flags&FlagFIN != 0 {
			ack++
		}
	}
	start := len(b)
	b = appendHeader(b, header{src: seg.Dst, dst: seg.Src, ttl: ttl, tos: seg.TOS &^ 3, proto: TCP, df: true, length: 20})
	b = binary.BigEndian.AppendUint16(b, seg.DstPort)
	b = binary.BigEndian.AppendUint16(b, seg.SrcPort)
	b = binary.BigEndian.AppendUint32(b, seq)
	b = binary.BigEndian.AppendUint32(b, ack)
	b = append(b, 5<<4, out, 0, 0, 0, 0, 0, 0)
	setTransportChecksum(b[start:], headerSize(seg.V6), seg.Dst, seg.Src, TCP)
	return b, true
}
