package probe

import (
	"encoding/binary"
	"time"
)

// PingPayload returns so many bytes of payload as ping fills them: 0, 1, 2, …
func PingPayload(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// TracePayload returns so many bytes of payload as traceroute fills them.
func TracePayload(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = 0x40 + byte(i)&0x3f
	}
	return b
}

// stampPayload writes the time of sending in front of a payload, where there is room: seconds and
// microseconds, 8 bytes each, as ping does on 64-bit hosts. Only captures read it.
func stampPayload(b []byte, now time.Time) {
	if len(b) >= timeSize {
		binary.NativeEndian.PutUint64(b, uint64(now.Unix()))
		binary.NativeEndian.PutUint64(b[8:], uint64(now.Nanosecond()/1000))
	}
}
