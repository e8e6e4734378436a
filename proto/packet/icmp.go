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

	TypeTimestamp      = 13
	TypeTimestampReply = 14

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

// Echo describes an echo request or reply to be made.
type Echo struct {
	Src, Dst   netip.Addr
	Ident, Seq uint16
	TTL, TOS   uint8 // TTL 0 = DefaultTTL
	DF         bool
	Reply      bool
	Timestamp  bool   // a timestamp message instead, of IPv4: the Payload is its times
	Code       uint8  // 0, but for who asks with another one
	ID         uint16 // IPv4 identification
	Options    []byte // of IPv4, a multiple of 4 bytes, at most 40
	Payload    []byte
}

// AppendEcho appends a whole echo packet.
func AppendEcho(b []byte, e *Echo) []byte {
	v6 := e.Dst.Is6()
	typ, head := echoRequest(v6), headerSize(v6)
	switch {
	case e.Reply && e.Timestamp:
		typ = TypeTimestampReply
	case e.Timestamp:
		typ = TypeTimestamp
	case e.Reply:
		typ = echoReply(v6)
	}
	start := len(b)
	if !v6 {
		head += len(e.Options)
	}
	b = appendHeader(b, header{options: e.Options, src: e.Src, dst: e.Dst, ttl: e.TTL, tos: e.TOS, df: e.DF, id: e.ID, proto: icmpProto(v6), length: 8 + len(e.Payload)})
	b = append(b, typ, e.Code, 0, 0)
	b = binary.BigEndian.AppendUint16(b, e.Ident)
	b = binary.BigEndian.AppendUint16(b, e.Seq)
	b = append(b, e.Payload...)
	setTransportChecksum(b[start:], head, e.Src, e.Dst, icmpProto(v6))
	return b
}

func icmpProto(v6 bool) uint8 {
	if v6 {
		return ICMPv6
	}
	return ICMP
}
