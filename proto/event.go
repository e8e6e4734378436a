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
//	|              tag              |  flags      |6| reserved = 0  |
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
}

const eventFixed = 28

// AppendUDPEvent appends e as a datagram.
func AppendUDPEvent(b []byte, e *UDPEvent) []byte {
	b = append(b, byte(TypeUDPEvent), byte(e.Kind), e.ICMPType, e.ICMPCode, e.TTL, e.QuotedTTL)
	b = binary.BigEndian.AppendUint16(b, e.MTU)
	b = binary.BigEndian.AppendUint16(b, e.Tag)
	b = append(b, udpFlags(e.Reporter.Is6(), false), 0)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Session))
	b = binary.BigEndian.AppendUint64(b, uint64(e.Decision))
	return appendAddr(b, e.Reporter)
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
	if DatagramType(b[0]) != TypeUDPEvent || b[10]&^flagIPv6 != 0 {
		return ErrMalformed
	}
	var reporter netip.Addr
	switch rest := b[eventFixed:]; {
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
	}
	return nil
}

// SetEventTTL overwrites the TTL of a UDP event in place. b must have been parsed.
func SetEventTTL(b []byte, ttl uint8) { b[4] = ttl }
