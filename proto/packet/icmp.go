package packet

import (
	"encoding/binary"
	"net/netip"
)

// ICMP types (RFC 792) and ICMPv6 types (RFC 4443).
const (
	TypeEchoReply    = 0
	TypeUnreachable  = 3
	TypeEchoRequest  = 8
	TypeTimeExceeded = 11
	TypeParamProblem = 12

	Type6Unreachable  = 1
	Type6TooBig       = 2
	Type6TimeExceeded = 3
	Type6ParamProblem = 4
	Type6EchoRequest  = 128
	Type6EchoReply    = 129

	typeSourceQuench = 4
	typeRedirect     = 5
	type6Redirect    = 137
)

func echoRequest(v6 bool) uint8 {
	if v6 {
		return Type6EchoRequest
	}
	return TypeEchoRequest
}

func echoReply(v6 bool) uint8 {
	if v6 {
		return Type6EchoReply
	}
	return TypeEchoReply
}

// ErrorKind names an ICMP error independently of the family.
type ErrorKind uint8

// The errors that the edge, the connector and the client make themselves.
const (
	NoError           ErrorKind = iota
	TimeExceeded                // 11/0, v6 3/0
	ReassemblyTimeout           // 11/1, v6 3/1
	NetUnreachable              // 3/0, v6 1/0: no route
	HostUnreachable             // 3/1, v6 1/3: route known, nobody there
	PortUnreachable             // 3/3, v6 1/4
	AdminProhibited             // 3/13, v6 1/1: policy
	TooBig                      // 3/4, v6 2/0: with MTU
	ProtoUnreachable            // 3/2, v6 4/1
	BadField                    // 12/0, v6 4/0: parameter problem, with a pointer
	UnknownOption               // 12/0, v6 4/2: the same, of an IPv6 option that may not be passed over
)

// TypeCode returns the error's ICMP type and code in one family.
func (k ErrorKind) TypeCode(v6 bool) (typ, code uint8) {
	v4 := [...][2]uint8{{}, {11, 0}, {11, 1}, {3, 0}, {3, 1}, {3, 3}, {3, 13}, {3, 4}, {3, 2}, {12, 0}, {12, 0}}
	s6 := [...][2]uint8{{}, {3, 0}, {3, 1}, {1, 0}, {1, 3}, {1, 4}, {1, 1}, {2, 0}, {4, 1}, {4, 0}, {4, 2}}
	t := v4
	if v6 {
		t = s6
	}
	if int(k) >= len(t) {
		return 0, 0
	}
	return t[k][0], t[k][1]
}

// Error describes an ICMP error to be made.
type Error struct {
	Src  netip.Addr // who reports it
	Type uint8
	Code uint8
	TTL  uint8  // 0 = DefaultTTL
	MTU  uint32 // next-hop MTU of "packet too big", else 0
	// Pointer of a parameter problem.
	Pointer uint32
}

// How much of the offending packet an error quotes: as much as fits in 576
// bytes (RFC 1812 §4.3.2.3) and 1280 bytes (RFC 4443 §2.4 c).
const (
	maxError4 = 576
	maxError6 = 1280
)

// AppendError appends the ICMP error e about the packet orig, addressed to
// orig's source. orig is quoted as it stands: give it the TTL that the reporter
// saw. ok is false, and nothing appended, where RFC 1812 §4.3.2.7 and RFC 4443
// §2.4 e forbid an error: about ICMP errors and redirects, about fragments other than the
// first, about multicast, and where families do not match.
func AppendError(b []byte, e Error, orig *Packet) (_ []byte, ok bool) {
	if orig.forbidsError() || orig.FragOff != 0 || !unicast(orig.Src) || !e.Src.IsValid() || e.Src.Is4() == orig.V6 {
		return b, false
	}
	quote, head := orig.Raw, 20
	if orig.V6 {
		head = 40
		quote = quote[:min(len(quote), maxError6-48)]
	} else {
		quote = quote[:min(len(quote), maxError4-28)]
	}
	start := len(b)
	b = appendHeader(b, header{src: e.Src, dst: orig.Src, ttl: e.TTL, tos: errorTOS(orig), id: errorID(orig), proto: icmpProto(orig.V6), length: 8 + len(quote)})
	b = append(b, e.Type, e.Code, 0, 0)
	b = binary.BigEndian.AppendUint32(b, e.word(orig.V6))
	b = append(b, quote...)
	setTransportChecksum(b[start:], head, e.Src, orig.Src, icmpProto(orig.V6))
	return b, true
}

// forbidsError says whether p is an ICMP message about which no error may be made:
// another error, known to us or not, and a redirect; or the first fragment of one.
func (p *Packet) forbidsError() bool {
	q := Packet{Class: ClassICMP, V6: p.V6, Type: p.Type}
	switch {
	case p.Class == ClassICMP:
	case p.Class == ClassFragment && p.Proto == icmpProto(p.V6) && len(p.Raw) > p.Hdr:
		q.Type = p.Raw[p.Hdr]
	default:
		return false
	}
	if q.V6 {
		return q.Type < 128 || q.Type == type6Redirect
	}
	return q.IsICMPError() || q.Type == typeSourceQuench || q.Type == typeRedirect
}

// word returns the 32 bits behind the checksum: MTU (RFC 1191 §4, RFC 4443 §3.2), pointer, or unused.
func (e *Error) word(v6 bool) uint32 {
	switch {
	case v6 && e.Type == Type6TooBig:
		return e.MTU
	case !v6 && e.Type == TypeUnreachable && e.Code == 4:
		return e.MTU & 0xffff
	case v6 && e.Type == Type6ParamProblem:
		return e.Pointer
	case !v6 && e.Type == TypeParamProblem:
		return e.Pointer << 24
	}
	return 0
}

// errorTOS is the TOS of an ICMPv4 error: that of the packet, with the precedence of
// internetwork control (RFC 1812 §4.3.2.5); IPv6 errors carry none.
func errorTOS(orig *Packet) uint8 {
	if orig.V6 {
		return 0
	}
	return 0xc0 | orig.Raw[1]&0x1e
}

// errorID is the identification of an ICMPv4 error, which may be fragmented and must
// have one (RFC 6864 §4.2): that of the packet is unique for this source.
func errorID(orig *Packet) uint16 {
	if orig.V6 {
		return 0
	}
	return binary.BigEndian.Uint16(orig.Raw[4:])
}

// MTU returns the next-hop MTU that a "packet too big" states, else 0.
func (p *Packet) MTU() uint32 {
	t := p.Transport()
	switch {
	case p.Class != ClassICMP:
	case p.V6 && p.Type == Type6TooBig:
		return binary.BigEndian.Uint32(t[4:])
	case !p.V6 && p.Type == TypeUnreachable && p.Code == 4:
		return uint32(binary.BigEndian.Uint16(t[6:]))
	}
	return 0
}

// Quoted decodes the packet that the ICMP error p quotes into q. A quoted packet is
// usually cut short and its checksums may be wrong: only its addresses,
// protocol, ports and echo identifier and sequence are filled in, and
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
	if ihl < 20 || len(b) < ihl+8 {
		return false
	}
	*p = Packet{Raw: b, TOS: b[1], TTL: b[8], Proto: b[9], Hdr: ihl, ID: uint32(binary.BigEndian.Uint16(b[4:]))}
	frag := binary.BigEndian.Uint16(b[6:])
	p.DF, p.MF, p.FragOff = frag&0x4000 != 0, frag&0x2000 != 0, int(frag&0x1fff)*8
	p.Src, p.Dst = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	return p.quotedTransport()
}

func (p *Packet) quoted6(b []byte) bool {
	if len(b) < 48 || b[0]>>4 != 6 {
		return false
	}
	*p = Packet{Raw: b, V6: true, DF: true, TOS: b[0]<<4 | b[1]>>4, TTL: b[7]}
	p.Src, p.Dst = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	return p.skipExtensions(b[6], 40) == OK && p.quotedTransport()
}

func (p *Packet) quotedTransport() bool {
	t := p.Transport()
	if len(t) < 8 || p.FragOff != 0 {
		return false
	}
	switch {
	case p.Proto == UDP || p.Proto == TCP:
		p.Class = ClassUDP
		if p.Proto == TCP {
			p.Class = ClassTCP
		}
		p.SrcPort, p.DstPort = binary.BigEndian.Uint16(t), binary.BigEndian.Uint16(t[2:])
	case p.Proto == ICMP && !p.V6 || p.Proto == ICMPv6 && p.V6:
		p.Class = ClassICMP
		p.Type, p.Code = t[0], t[1]
		p.Ident, p.Seq = binary.BigEndian.Uint16(t[4:]), binary.BigEndian.Uint16(t[6:])
	default:
		return false
	}
	return true
}

// Echo describes an echo request or reply to be made.
type Echo struct {
	Src, Dst   netip.Addr
	Ident, Seq uint16
	TTL, TOS   uint8 // TTL 0 = DefaultTTL
	DF         bool
	Reply      bool
	ID         uint16 // IPv4 identification
	Payload    []byte
}

// AppendEcho appends a whole echo packet.
func AppendEcho(b []byte, e *Echo) []byte {
	v6 := e.Dst.Is6()
	typ, head := echoRequest(v6), headerSize(v6)
	if e.Reply {
		typ = echoReply(v6)
	}
	start := len(b)
	b = appendHeader(b, header{src: e.Src, dst: e.Dst, ttl: e.TTL, tos: e.TOS, df: e.DF, id: e.ID, proto: icmpProto(v6), length: 8 + len(e.Payload)})
	b = append(b, typ, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, e.Ident)
	b = binary.BigEndian.AppendUint16(b, e.Seq)
	b = append(b, e.Payload...)
	setTransportChecksum(b[start:], head, e.Src, e.Dst, icmpProto(v6))
	return b
}

// AppendEchoReply appends the answer of req's destination to the echo request req.
func AppendEchoReply(b []byte, req *Packet) []byte {
	return AppendEcho(b, &Echo{
		Src: req.Dst, Dst: req.Src, Ident: req.Ident, Seq: req.Seq, TOS: req.TOS, Reply: true, Payload: req.Payload(),
	})
}

func icmpProto(v6 bool) uint8 {
	if v6 {
		return ICMPv6
	}
	return ICMP
}
