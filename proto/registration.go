package proto

import (
	"encoding/binary"
	"net/netip"
)

// UDPRegistration opens (or opens again) a UDP session and carries a payload
// of it. Idempotent: the same registration may arrive any number of times.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|   type = 2    | flags    |DF|6|      TTL      | traffic class |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|          source port          |       destination port        |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|         idle seconds          |                               |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+                               +
//	|                     session id (64 bits)                      |
//	+                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                               |              tag              |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|          source IP (4 bytes, 16 where flag 6 is set)          |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|        destination IP (4 bytes, 16 where flag 6 is set)       |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|  payload …
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type UDPRegistration struct {
	Session  SessionID
	Src, Dst netip.AddrPort // of one family
	Tag      uint16         // names this packet in events that answer it
	Idle     uint16         // seconds without a packet that end the session; 0 = as the edge says; see hop.SessionIdle
	TTL      uint8          // as the packet left the last hop
	Class    uint8          // traffic class: DSCP and ECN
	DF       bool           // don't fragment
	Payload  []byte
}

const regFixed = 20

// AppendUDPRegistration appends r as a datagram.
func AppendUDPRegistration(b []byte, r *UDPRegistration) []byte {
	b = append(b, byte(TypeUDPRegistration), udpFlags(r.Dst.Addr().Is6(), r.DF), r.TTL, r.Class)
	b = binary.BigEndian.AppendUint16(b, r.Src.Port())
	b = binary.BigEndian.AppendUint16(b, r.Dst.Port())
	b = binary.BigEndian.AppendUint16(b, r.Idle)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Session))
	b = binary.BigEndian.AppendUint16(b, r.Tag)
	b = appendAddr(b, r.Src.Addr())
	b = appendAddr(b, r.Dst.Addr())
	return append(b, r.Payload...)
}

// ParseUDPRegistration fills r from a datagram; r.Payload aliases b.
func ParseUDPRegistration(b []byte, r *UDPRegistration) error {
	if len(b) < regFixed {
		return ErrShort
	}
	n, err := checkUDP(b, TypeUDPRegistration)
	if err != nil {
		return err
	}
	if len(b) < regFixed+2*n {
		return ErrShort
	}
	src, dst := addrOf(b[regFixed:regFixed+n]), addrOf(b[regFixed+n:regFixed+2*n])
	if src.Is4In6() || dst.Is4In6() { // one destination, one spelling: policy compares addresses
		return ErrMalformed
	}
	*r = UDPRegistration{
		Session: SessionID(binary.BigEndian.Uint64(b[10:])),
		Src:     netip.AddrPortFrom(src, binary.BigEndian.Uint16(b[4:])),
		Dst:     netip.AddrPortFrom(dst, binary.BigEndian.Uint16(b[6:])),
		Tag:     binary.BigEndian.Uint16(b[18:]),
		Idle:    binary.BigEndian.Uint16(b[8:]),
		TTL:     b[2],
		Class:   b[3],
		DF:      b[1]&flagDF != 0,
		Payload: b[regFixed+2*n:],
	}
	return nil
}

// SetRegistrationIdle overwrites the idle seconds of a registration datagram in place. b must have
// been parsed.
func SetRegistrationIdle(b []byte, seconds uint16) { binary.BigEndian.PutUint16(b[8:], seconds) }
