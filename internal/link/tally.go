package link

import (
	"io"
	"sync/atomic"

	"github.com/oneping/oneping/proto/packet"
)

// tally counts what a link moves and what ends on it.
type tally struct {
	sent, received    atomic.Uint64 // datagrams, both kinds
	peerSent, peerGot atomic.Uint64 // what the peer reported last
	consumed          atomic.Uint64 // bytes of streams and datagrams that were read
	reported          uint64        // datagrams that the peer was told of; used by runTicks alone, as is
	more              int           // reports that are still to follow

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

// counted counts what is read from a stream.
type counted struct {
	r io.Reader
	n *atomic.Uint64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n.Add(uint64(n))
	return n, err
}
