package connector

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"sync/atomic"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto/packet"
)

// wayBack is the way back of the rooms (host.Back): the newest link. Mappings and sessions
// outlive links and answer over whatever is there.
type wayBack struct {
	counters *packet.Counters
	link     atomic.Pointer[link.Link]
}

// set makes l the newest link.
func (u *wayBack) set(l *link.Link) { u.link.Store(l) }

// unset forgets l, unless a newer one has come.
func (u *wayBack) unset(l *link.Link) { u.link.CompareAndSwap(l, nil) }

// Deliver sends a datagram to the edge, in the queue of the client that it is for.
func (u *wayBack) Deliver(client netip.Addr, c link.Class, d []byte) packet.Reason {
	l := u.link.Load()
	if l == nil {
		return packet.LinkDown
	}
	return l.SendFor(ownerOf(client), c, d)
}

// Count counts what ended on the way back.
func (u *wayBack) Count(r packet.Reason) { u.counters.Count(r) }

// ownerOf makes a number of a client's address, 0 of none.
func ownerOf(a netip.Addr) link.Owner {
	if !a.IsValid() {
		return 0
	}
	b := a.As16()
	return link.Owner(binary.BigEndian.Uint64(b[8:]) ^ bits.RotateLeft64(binary.BigEndian.Uint64(b[:8]), 32))
}
