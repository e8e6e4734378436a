package path

import (
	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// outcome is what becomes of one packet of the host, one datagram of the edge
// or one answer to an opening: what every step returns, and Path.carryOut does.
// It is valid until the same step runs again.
type outcome struct {
	reason packet.Reason // OK: it went on
	also   packet.Reason // counted beside reason, e.g. an answer that was not made; OK = none

	to    receiver   // of pkt
	class link.Class // of a datagram for the edge
	tos   uint8      // of the segments of flow from now on
	idle  uint16     // seconds after which the host of flow has asked whether its far end is there; 0: it has not
	pkt   []byte     // a datagram for the edge, a packet for the host, a TCP segment for the stack

	ended  proto.SessionID // a session that made room, of which the far ends are told; 0 = none
	denial *proto.Denial   // for the list of denials
	open   *heldSYN        // its flow is to be opened

	flow *flow.Flow // which hears of a wish of its host (tos, idle); nil: of none

	// The compiler copies a struct 16 bytes at a time, and overlaps the last two moves where there is
	// a rest; whoever reads such a copy waits for both of them: 20 ns of the 150 of a packet that is
	// returned through three steps. The size of this one is a multiple of 16.
}

// receiver is where an outcome's packet goes.
type receiver uint8

// The receivers.
const (
	nobody receiver = iota
	theEdge
	theHost
	theStack
)
