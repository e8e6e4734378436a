package packet

import "encoding/binary"

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

// TCPAck returns the acknowledgement number of a TCP packet, which counts with FlagACK alone.
func (p *Packet) TCPAck() uint32 { return binary.BigEndian.Uint32(p.Transport()[8:]) }

// IsSYN says whether p opens a TCP connection: SYN without ACK or RST. With FIN it opens none:
// listeners drop it (Linux, BSD), which is nowhere required.
func (p *Packet) IsSYN() bool {
	return p.Class == ClassTCP && p.TCPFlags()&(FlagSYN|FlagACK|FlagRST|FlagFIN) == FlagSYN
}

// Kinds of TCP options (RFC 9293 §3.1), and of those that sign a segment with its addresses and a key.
const (
	tcpOptEnd = 0
	tcpOptNop = 1
	tcpOptMD5 = 19 // RFC 2385
	tcpOptAO  = 29 // RFC 5925
)

// Signed says whether a TCP segment carries a signature of its addresses: the MD5 option or TCP-AO.
func (p *Packet) Signed() bool {
	t := p.Transport()
	for o := t[20:max(20, min(int(t[12]>>4)*4, len(t)))]; len(o) > 0; {
		switch o[0] {
		case tcpOptEnd:
			return false
		case tcpOptNop:
			o = o[1:]
			continue
		case tcpOptMD5, tcpOptAO:
			return true
		}
		if len(o) < 2 || o[1] < 2 || int(o[1]) > len(o) {
			return false
		}
		o = o[o[1]:]
	}
	return false
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
