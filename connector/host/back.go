package host

import (
	"net/netip"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto/packet"
)

// Back is the one way back from a room to the edge. Its methods are called from several goroutines,
// some with locks of the room held: they do not block and do not call into the room.
type Back interface {
	// Deliver sends a datagram that is for client to the edge; d may be reused when it returns. A
	// reason other than packet.OK is the caller's to count.
	Deliver(client netip.Addr, c link.Class, d []byte) packet.Reason
	// Count counts what ended on the way back.
	Count(packet.Reason)
}
