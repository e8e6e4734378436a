package link

import (
	"sync/atomic"

	"github.com/oneping/oneping/proto/packet"
)

// tally counts what a link moves and what ends on it.
type tally struct {
	sent, received    atomic.Uint64 // datagrams, both kinds
	peerSent, peerGot atomic.Uint64 // what the peer reported last
	consumed          atomic.Uint64 // bytes of streams and datagrams that were read

	reasons packet.Counters  // of this link
	role    *packet.Counters // of all links and all else that the role counts; may be nil
}

// ended counts a packet that ended in the link itself.
func (t *tally) ended(r packet.Reason) {
	if r == packet.OK {
		return
	}
	t.reasons.Count(r)
	if t.role != nil {
		t.role.Count(r)
	}
}

// handled notes what became of a packet that the handler has counted.
func (t *tally) handled(r packet.Reason) {
	if r != packet.OK {
		t.reasons.Count(r)
	}
}
