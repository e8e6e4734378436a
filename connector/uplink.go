package connector

import (
	"sync/atomic"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto/packet"
)

// uplink is where the rooms' answers go: the newest link. Mappings and sessions
// outlive links and answer over whatever is there.
type uplink struct{ link atomic.Pointer[link.Link] }

// set makes l the newest link.
func (u *uplink) set(l *link.Link) { u.link.Store(l) }

// unset forgets l, unless a newer one has come.
func (u *uplink) unset(l *link.Link) { u.link.CompareAndSwap(l, nil) }

// send sends a datagram of o to the edge; d may be reused afterwards.
func (u *uplink) send(o link.Owner, c link.Class, d []byte) packet.Reason {
	l := u.link.Load()
	if l == nil {
		return packet.LinkDown
	}
	return l.SendFor(o, c, d)
}
