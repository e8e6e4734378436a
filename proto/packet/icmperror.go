package packet

import (
	"encoding/binary"
	"net/netip"
)

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
	UnknownOption               // 12/0, v6 4/2: the same, of an IPv6 option that must be understood
	kinds
)

// TypeCode returns the error's ICMP type and code in one family.
func (k ErrorKind) TypeCode(v6 bool) (typ, code uint8) {
	if k >= kinds {
		return 0, 0
	}
	t := typeCodes[k]
	if v6 {
		return t.typ6, t.code6
	}
	return t.typ4, t.code4
}

// typeCodes is RFC 792 and RFC 4443, by kind.
var typeCodes = [kinds]struct{ typ4, code4, typ6, code6 uint8 }{
	TimeExceeded:      {11, 0, 3, 0},
	ReassemblyTimeout: {11, 1, 3, 1},
	NetUnreachable:    {3, 0, 1, 0},
	HostUnreachable:   {3, 1, 1, 3},
	PortUnreachable:   {3, 3, 1, 4},
	AdminProhibited:   {3, 13, 1, 1},
	TooBig:            {3, 4, 2, 0},
	ProtoUnreachable:  {3, 2, 4, 1},
	BadField:          {12, 0, 4, 0},
	UnknownOption:     {12, 0, 4, 2},
}

// KindOf returns the error with this ICMP type and code in one family, NoError for those that oneping
// does not make.
func KindOf(typ, code uint8, v6 bool) ErrorKind {
	for k := range kinds {
		if t, c := k.TypeCode(v6); k != NoError && t == typ && c == code {
			return k
		}
	}
	return NoError
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
	// Extension is said behind the quoted packet where errors of Type may have one.
	Extension Extension
}

// MinMTU6 is the least MTU of an IPv6 link, and the size of a packet that always crosses one
// (RFC 8200 §5).
const MinMTU6 = 1280

// MaxError is the size of the largest ICMP error of either family: an IPv6 one, which always
// crosses (RFC 4443 §2.4 c).
const MaxError = MinMTU6

// maxError4 is the size of the largest ICMPv4 error (RFC 1812 §4.3.2.3).
const maxError4 = 576

// MaxQuote returns how many bytes of the offending packet an ICMP error quotes at most: what
// fits behind its own IP and ICMP headers.
func MaxQuote(v6 bool) int {
	if v6 {
		return MaxError - 48
	}
	return maxError4 - 28
}

// AppendError appends the ICMP error e about the packet orig, addressed to
// orig's source. orig is quoted as it stands: give it the TTL that the reporter
// saw. ok is false, and nothing appended, where RFC 1812 §4.3.2.7 and RFC 4443
// §2.4 e forbid an error: about ICMP errors and redirects, about fragments other than the
// first, about multicast, and where families do not match.
func AppendError(b []byte, e Error, orig *Packet) (_ []byte, ok bool) {
	if !orig.AllowsError() || !e.Src.IsValid() || e.Src.Is4() == orig.V6 {
		return b, false
	}
	head := headerSize(orig.V6)
	quote, zeros, words := e.quote(orig)
	length := 8 + len(quote) + zeros
	if e.extended(orig.V6) {
		length += len(e.Extension.Raw)
	}
	start := len(b)
	b = appendHeader(b, header{src: e.Src, dst: orig.Src, ttl: e.TTL, tos: errorTOS(orig), id: errorID(orig), proto: icmpProto(orig.V6), length: length})
	b = append(b, e.Type, e.Code, 0, 0)
	b = binary.BigEndian.AppendUint32(b, e.word(orig.V6)|lengthField(orig.V6, words))
	b = append(b, quote...)
	if length > 8+len(quote) {
		var none [minExtended]byte
		for ; zeros > 0; zeros -= min(zeros, len(none)) {
			b = append(b, none[:min(zeros, len(none))]...)
		}
		b = append(b, e.Extension.Raw...)
	}
	setTransportChecksum(b[start:], head, e.Src, orig.Src, icmpProto(orig.V6))
	return b, true
}

// AllowsError says whether an ICMP error may be made about p, see AppendError.
func (p *Packet) AllowsError() bool { return !p.forbidsError() && p.FragOff == 0 && unicast(p.Src) }

// forbidsError says whether p is an ICMP message about which no error may be made:
// another error, known to us or not, and a redirect; or the first fragment of one.
func (p *Packet) forbidsError() bool {
	q := Packet{Class: ClassICMP, V6: p.V6, Type: p.Type}
	if p.Class != ClassICMP {
		proto, at := p.behindExtensions()
		if p.Class != ClassFragment && p.Class != ClassOther || proto != icmpProto(p.V6) || len(p.Raw) <= at {
			return false
		}
		q.Type = p.Raw[at]
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

// lengthField is the length of what is quoted, in its place among those 32 bits (RFC 4884 §4).
func lengthField(v6 bool, words uint8) uint32 {
	if v6 {
		return uint32(words) << 24
	}
	return uint32(words) << 16
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
