package udp

import (
	"net/netip"

	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// tell sends e to client; what becomes of it is counted.
func (t *Sessions) tell(client netip.Addr, e proto.UDPEvent) {
	var buf [64]byte
	if r := t.cfg.Back.Deliver(client, hop.EventClass, proto.AppendUDPEvent(buf[:0], &e)); r != packet.OK {
		t.cfg.Back.Count(r)
	}
}

// Unknown tells a client whose address is not known that there is no session id, of which its
// packet tag is, and returns the reason to count: its next packet registers the session again.
func (t *Sessions) Unknown(id proto.SessionID, tag uint16) packet.Reason {
	t.tell(netip.Addr{}, proto.UDPEvent{Kind: proto.EventUnknown, Session: id, Tag: tag})
	return packet.UnknownSession
}

// Refused tells client what r says about its packet tag of session id, and returns the reason to
// count.
func (t *Sessions) Refused(client netip.Addr, id proto.SessionID, tag uint16, r *hop.Refusal) packet.Reason {
	if !r.Silent() {
		t.tell(client, r.Event(id, tag))
	}
	return r.Reason
}
