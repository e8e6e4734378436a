package proto

import (
	"encoding/binary"
	"net/netip"
)

// Peek says whose datagram b is, and looks at nothing else of it: the source address of a packet or
// a registration, the session of a payload or an event. Neither where it is of another type, or too
// short to say. Parse says what is wrong.
func Peek(b []byte) (src netip.Addr, id SessionID) {
	if len(b) < 2 {
		return src, 0
	}
	switch DatagramType(b[0]) {
	case TypePacket: // RFC 791 §3.1, RFC 8200 §3
		switch {
		case b[1]>>4 == 4:
			src = addrAt(b, PacketOverhead+12, 4)
		case b[1]>>4 == 6:
			src = addrAt(b, PacketOverhead+8, 16)
		}
	case TypeUDPRegistration:
		if b[1]&flagIPv6 != 0 {
			return addrAt(b, regFixed, 16), 0
		}
		src = addrAt(b, regFixed, 4)
	case TypeUDPPayload:
		id = sessionAt(b, 4)
	case TypeUDPEvent:
		id = sessionAt(b, 12)
	}
	return src, id
}

// addrAt reads the address of n bytes at an offset; zero where b ends before.
func addrAt(b []byte, at, n int) netip.Addr {
	if len(b) < at+n {
		return netip.Addr{}
	}
	return addrOf(b[at : at+n])
}

// sessionAt reads the session id at an offset; 0 where b ends before.
func sessionAt(b []byte, at int) SessionID {
	if len(b) < at+8 {
		return 0
	}
	return SessionID(binary.BigEndian.Uint64(b[at:]))
}

// Conversation names what b belongs to whose datagrams must keep their order: the session of a
// registration, payload or event, the two addresses of a packet. 0 where it belongs to none.
func Conversation(b []byte) uint64 {
	if len(b) < 2 {
		return 0
	}
	switch DatagramType(b[0]) {
	case TypeUDPRegistration:
		return uint64(sessionAt(b, 10))
	case TypePacket:
		from, to := 12, 20 // RFC 791 §3.1
		if b[1]>>4 == 6 {
			from, to = 8, 40 // RFC 8200 §3
		}
		if len(b) < PacketOverhead+to {
			return 0
		}
		h := uint64(14695981039346656037) // FNV-1a
		for _, c := range b[PacketOverhead+from : PacketOverhead+to] {
			h = (h ^ uint64(c)) * 1099511628211
		}
		return h
	}
	_, id := Peek(b)
	return uint64(id)
}
