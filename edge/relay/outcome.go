package relay

import (
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// outcome is what a room says is to be done about a datagram or a flow: the one result of all of
// them.
type outcome struct {
	reason packet.Reason
	// limited says that an answer was due, but the sender has had enough of them.
	limited bool
	// tell names a denial of which the sender's device has not been told.
	tell *proto.Denial

	// to is where a datagram goes on, changed in place; nil = nowhere. forward is what of it goes on.
	to      Link
	owner   link.Owner // of the datagram among those that share the link; 0: it is of one device
	class   link.Class
	forward []byte
	// back is a datagram for the sender; it lies in the scratch.
	back []byte
	// out is a session that has made room for another: its two sides have not been told.
	out *session

	// answer is what the header of a flow is answered with; nil = nothing, and its stream is reset
	// with code, unless that is CodeOK: it is ended already.
	answer *proto.FlowAnswer
	code   proto.Code
}

// ended is an outcome without consequences.
func ended(r packet.Reason) outcome { return outcome{reason: r} }

// scratch is the memory of one pass through the rooms, so that none allocates.
type scratch struct {
	p, quoted packet.Packet
	reg       proto.UDPRegistration
	payload   proto.UDPPayload
	event     proto.UDPEvent
	reply     proto.UDPEvent
	buf       []byte
}

// maxScratch is the largest buffer that is kept for the next pass.
const maxScratch = 4096

func (r *Relay) take() *scratch { return r.scratch.Get().(*scratch) }

func (r *Relay) give(s *scratch) {
	if cap(s.buf) > maxScratch {
		s.buf = nil // an echo reply of 64 KiB is rare; do not keep its memory
	}
	r.scratch.Put(s)
}
