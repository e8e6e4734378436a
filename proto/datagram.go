package proto

import "net/netip"

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
	flagIPv6      = 1 << 0
	flagDF        = 1 << 1
	flagExtension = 1 << 2
)

// MaxDatagram is the size of the largest datagram, oversize stream included: a
// UDP payload of 65,507 bytes behind an IPv6 registration, rounded up.
const MaxDatagram = 1<<16 - 1 + 128

// Extension of an ICMP error (RFC 4884 §7, packet.Extension), carried as its router wrote it behind
// the event of a session or the answer of a flow that states the error.
const (
	minExtension = 4
	// MaxExtension is the size of the largest extension in bytes: what fits an ICMPv4 error of 576
	// bytes behind the least that is quoted.
	MaxExtension = 420
)

// SetDatagramTTL overwrites the TTL of a registration or payload datagram in
// place: what a hop does that passes it on unchanged otherwise. b must have
// been parsed.
func SetDatagramTTL(b []byte, ttl uint8) { b[2] = ttl }

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
