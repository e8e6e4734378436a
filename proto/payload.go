package proto

import "encoding/binary"

// UDPPayload carries one UDP payload of a registered session, either way.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|   type = 3    | flags    |DF| |      TTL      | traffic class |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                                                               |
//	+                     session id (64 bits)                      +
//	|                                                               |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|              tag              |  payload …
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type UDPPayload struct {
	Session SessionID
	Tag     uint16 // names this packet in events that answer it; 0 toward the client
	TTL     uint8
	Class   uint8
	DF      bool
	Payload []byte
}

// PayloadOverhead is what a payload datagram adds to the UDP payload.
const PayloadOverhead = 14

// AppendUDPPayload appends p as a datagram.
func AppendUDPPayload(b []byte, p *UDPPayload) []byte {
	b = append(b, byte(TypeUDPPayload), udpFlags(false, p.DF), p.TTL, p.Class)
	b = binary.BigEndian.AppendUint64(b, uint64(p.Session))
	b = binary.BigEndian.AppendUint16(b, p.Tag)
	return append(b, p.Payload...)
}

// ParseUDPPayload fills p from a datagram; p.Payload aliases b.
func ParseUDPPayload(b []byte, p *UDPPayload) error {
	if len(b) < PayloadOverhead {
		return ErrShort
	}
	if _, err := checkUDP(b, TypeUDPPayload); err != nil || b[1]&flagIPv6 != 0 {
		return ErrMalformed
	}
	*p = UDPPayload{
		Session: SessionID(binary.BigEndian.Uint64(b[4:])),
		Tag:     binary.BigEndian.Uint16(b[12:]),
		TTL:     b[2],
		Class:   b[3],
		DF:      b[1]&flagDF != 0,
		Payload: b[PayloadOverhead:],
	}
	return nil
}
