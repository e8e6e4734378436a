package proto

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// DatagramType is the first byte of every datagram.
type DatagramType uint8

// Datagram types. An unknown one is counted and dropped.
const (
	TypePacket          DatagramType = 1
	TypeUDPRegistration DatagramType = 2
	TypeUDPPayload      DatagramType = 3
	TypeUDPEvent        DatagramType = 4
	TypeHeartbeat       DatagramType = 5
	TypeBatch           DatagramType = 6
)

// Flags of UDP datagrams.
const (
	flagIPv6 = 1 << 0
	flagDF   = 1 << 1
)

// MaxDatagram is the size of the largest datagram, oversize stream included: a
// UDP payload of 65,507 bytes behind an IPv6 registration, rounded up.
const MaxDatagram = 1<<16 - 1 + 128

// PacketOverhead is what a packet datagram adds to the IP packet.
const PacketOverhead = 1

// AppendPacket appends a packet datagram: a whole IP packet.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|   type = 1    |  IP packet …
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
func AppendPacket(b, ip []byte) []byte {
	return append(append(b, byte(TypePacket)), ip...)
}

// ParsePacket returns the IP packet inside a packet datagram. Whether it is
// one is for proto/packet to say.
func ParsePacket(b []byte) ([]byte, error) {
	if len(b) < 1+20 {
		return nil, ErrShort
	}
	if DatagramType(b[0]) != TypePacket {
		return nil, ErrMalformed
	}
	return b[1:], nil
}

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
	Idle     uint16         // seconds without a packet that end the session; 0 = as the edge says; see SessionIdle
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

// SetDatagramTTL overwrites the TTL of a registration or payload datagram in
// place: what a hop does that passes it on unchanged otherwise. b must have
// been parsed.
func SetDatagramTTL(b []byte, ttl uint8) { b[2] = ttl }

// SetRegistrationIdle overwrites the idle seconds of a registration datagram in place. b must have been parsed.
func SetRegistrationIdle(b []byte, seconds uint16) { binary.BigEndian.PutUint16(b[8:], seconds) }

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

// Heartbeat shows that datagrams of the current size pass: each side pads it
// to the size of its largest datagram and answers a request with an echo. One whose
// nonce has its first bit set is a mark: its echo says that everything before it was fetched.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|   type = 5    |  echo (0, 1)  |                               |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+                               +
//	|                        nonce (64 bits)                        |
//	+                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                               |  zeros …
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type Heartbeat struct {
	Nonce uint64
	Echo  bool // an answer
}

// HeartbeatSize is the smallest heartbeat, without padding.
const HeartbeatSize = 10

// AppendHeartbeat appends h, padded with zeros to size bytes.
func AppendHeartbeat(b []byte, h Heartbeat, size int) []byte {
	var echo byte
	if h.Echo {
		echo = 1
	}
	start := len(b)
	b = binary.BigEndian.AppendUint64(append(b, byte(TypeHeartbeat), echo), h.Nonce)
	if end := len(b); start+size > end {
		b = slices.Grow(b, start+size-end)[:start+size]
		clear(b[end:])
	}
	return b
}

// ParseHeartbeat reads a heartbeat; its padding is not looked at.
func ParseHeartbeat(b []byte) (Heartbeat, error) {
	if len(b) < HeartbeatSize {
		return Heartbeat{}, ErrShort
	}
	if DatagramType(b[0]) != TypeHeartbeat || b[1] > 1 {
		return Heartbeat{}, ErrMalformed
	}
	return Heartbeat{Nonce: binary.BigEndian.Uint64(b[2:]), Echo: b[1] == 1}, nil
}

// BatchHeader is what stands before the first datagram of a batch, BatchOverhead before each.
const (
	BatchHeader   = 1
	BatchOverhead = 2
)

// AppendBatched appends the datagram d to the batch b, which starts as an empty slice.
//
// A batch carries several small datagrams in one: what a QUIC stack does for
// each packet costs more than what it does for each byte, and its queues count
// datagrams. It holds neither heartbeats, whose size is the point, nor batches.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|   type = 6    |            length             |  datagram …
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|            length             |  datagram …
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
func AppendBatched(b, d []byte) []byte {
	if len(b) == 0 {
		b = append(b, byte(TypeBatch))
	}
	return append(binary.BigEndian.AppendUint16(b, uint16(len(d))), d...)
}

// ParseBatch returns the datagrams of a batch without its type byte, one at a
// time: the first of rest, and what follows it. An empty datagram, a batch or a
// heartbeat inside is malformed.
func ParseBatch(rest []byte) (d, next []byte, err error) {
	if len(rest) < BatchOverhead {
		return nil, nil, ErrShort
	}
	n := int(binary.BigEndian.Uint16(rest))
	if rest = rest[BatchOverhead:]; len(rest) < n {
		return nil, nil, ErrShort
	}
	if n == 0 || DatagramType(rest[0]) == TypeBatch || DatagramType(rest[0]) == TypeHeartbeat {
		return nil, nil, ErrMalformed
	}
	return rest[:n], rest[n:], nil
}

func udpFlags(v6, df bool) byte {
	var f byte
	if v6 {
		f |= flagIPv6
	}
	if df {
		f |= flagDF
	}
	return f
}

// checkUDP checks type and flags and returns the length of an address.
func checkUDP(b []byte, want DatagramType) (addrLen int, err error) {
	if DatagramType(b[0]) != want || b[1]&^(flagIPv6|flagDF) != 0 {
		return 0, ErrMalformed
	}
	if b[1]&flagIPv6 != 0 {
		return 16, nil
	}
	return 4, nil
}

func appendAddr(b []byte, a netip.Addr) []byte {
	switch {
	case a.Is4():
		v := a.As4()
		return append(b, v[:]...)
	case a.Is6():
		v := a.As16()
		return append(b, v[:]...)
	}
	return b
}

// addrOf reads an address of 4 or 16 bytes.
func addrOf(b []byte) netip.Addr {
	if len(b) == 4 {
		return netip.AddrFrom4([4]byte(b))
	}
	return netip.AddrFrom16([16]byte(b))
}
