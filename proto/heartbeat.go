package proto

import (
	"encoding/binary"
	"slices"
)

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
