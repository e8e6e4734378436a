package path

import (
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// outcome is what becomes of one packet of the host, one datagram of the edge
// or one answer to an opening: what every step returns, and Path.carryOut does.
// Its slices are valid until the same step runs again.
type outcome struct {
	reason packet.Reason // OK: it went on
	also   packet.Reason // counted beside reason, e.g. an answer that was not made; OK = none
	class  link.Class    // of send

	send  []byte // a datagram for the edge
	back  []byte // a packet for the host
	local []byte // a TCP segment for the stack

	ended  proto.SessionID // a session that made room, of which the far ends are told; 0 = none
	denial *proto.Denial   // for the list of denials
	open   *heldSYN        // its flow is to be opened
}
