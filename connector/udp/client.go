package udp

import (
	"net/netip"

	"github.com/oneping/oneping/proto"
)

// Client returns the address of the device that has the session, the zero one where there is none.
func (t *Sessions) Client(id proto.SessionID) netip.Addr {
	s, ok := t.table.Get(id)
	if !ok {
		return netip.Addr{}
	}
	return s.src.Addr()
}
