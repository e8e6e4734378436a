package proto

import (
	"encoding/binary"
	"net/netip"
)

// EventKind says what a UDPEvent reports.
type EventKind uint8

// The kinds of event. Their numbers are part of the protocol.
const (
	EventRegistered EventKind = 1 // the connector has the session
	EventUnknown    EventKind = 2 // no such session here: register again
	EventClosed     EventKind = 3 // ended by idleness, by policy, or to make room for another
	EventICMP       EventKind = 4 // an ICMP error for the packet named by Tag
	EventDenied     EventKind = 5 // policy said no; Decision names the denial
)

// UDPEvent tells the client (or, for EventUnknown and EventClosed, either side) what
// became of a session or of one packet of it.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|   type = 4    |     kind      |   ICMP type   |   ICMP code   |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|      TTL      |   quoted TTL  |              MTU              |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|              tag              |  flags    |E|D|6|    quoted     |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                                                               |
//	+                     session id (64 bits)                      +
//	|                                                               |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                                                               |
//	+                     decision id (64 bits)                     +
//	|                                                               |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|    reporter IP (4 bytes, 16 where flag 6 is set), or nothing  |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|  where flag E is set: the extension of the ICMP error …
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//
// Flag D is 0, quoted counts only with flag E, which is sent to who has said that it reads it: a
// client in its Hello, an edge in its Welcome.
type UDPEvent struct {
	Session   SessionID
	Decision  DecisionID
	Kind      EventKind
	ICMPType  uint8
	ICMPCode  uint8
	TTL       uint8  // of the ICMP error, as it left the last hop
	QuotedTTL uint8  // of our packet when the reporter had it; 0 = unknown
	MTU       uint16 // of "packet too big"; the pointer of a parameter problem; else 0
	Tag       uint16
	Reporter  netip.Addr // zero where there is none
	Extension string     // of the ICMP error, 4 to MaxExtension bytes; empty where it has none
	Quoted    uint8      // words quoted in front of the extension, as the error states them
}

const eventFixed = 28

// AppendUDPEvent appends e as a datagram.
func AppendUDPEvent(b []byte, e *UDPEvent) []byte {
	b = append(b, byte(TypeUDPEvent), byte(e.Kind), e.ICMPType, e.ICMPCode, e.TTL, e.QuotedTTL)
	b = binary.BigEndian.AppendUint16(b, e.MTU)
	b = binary.BigEndian.AppendUint16(b, e.Tag)
	flags := udpFlags(e.Reporter.Is6(), false)
	if e.Extension == "" {
		b = append(b, flags, 0)
	} else {
		b = append(b, flags|flagExtension, e.Quoted)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(e.Session))
	b = binary.BigEndian.AppendUint64(b, uint64(e.Decision))
	return append(appendAddr(b, e.Reporter), e.Extension...)
}

// ParseUDPEvent fills e from a datagram.
func ParseUDPEvent(b []byte, e *UDPEvent) error {
	if len(b) < eventFixed {
		return ErrShort
	}
	n := 4
	if b[10]&flagIPv6 != 0 {
		n = 16
	}
	if DatagramType(b[0]) != TypeUDPEvent || b[10]&^(flagIPv6|flagExtension) != 0 {
		return ErrMalformed
	}
	var reporter netip.Addr
	var extension string
	var quoted uint8
	extended := b[10]&flagExtension != 0
	switch rest := b[eventFixed:]; {
	case extended && (len(rest) < n+minExtension || len(rest) > n+MaxExtension):
		return ErrMalformed
	case extended:
		reporter, extension, quoted = addrOf(rest[:n]), string(rest[n:]), b[11]
	case len(rest) == n:
		reporter = addrOf(rest)
	case len(rest) != 0 || n == 16:
		return ErrMalformed
	}
	if n == 16 && reporter.Is4In6() {
		return ErrMalformed
	}
	*e = UDPEvent{
		Session:   SessionID(binary.BigEndian.Uint64(b[12:])),
		Decision:  DecisionID(binary.BigEndian.Uint64(b[20:])),
		Kind:      EventKind(b[1]),
		ICMPType:  b[2],
		ICMPCode:  b[3],
		TTL:       b[4],
		QuotedTTL: b[5],
		MTU:       binary.BigEndian.Uint16(b[6:]),
		Tag:       binary.BigEndian.Uint16(b[8:]),
		Reporter:  reporter,
		Extension: extension,
		Quoted:    quoted,
	}
	return nil
}

// SetEventTTL overwrites the TTL of a UDP event in place. b must have been parsed.
func SetEventTTL(b []byte, ttl uint8) { b[4] = ttl }

// StripEventExtension takes the extension off the UDP event e, for who does not read it, and returns
// what is left of its datagram b, from which e was parsed and which is changed in place.
func StripEventExtension(b []byte, e *UDPEvent) []byte {
	n := len(e.Extension)
	if n == 0 {
		return b
	}
	b[10], b[11] = b[10]&^flagExtension, 0
	return b[:len(b)-n]
}
