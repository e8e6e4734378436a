package path

import (
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// liveConn is a connection of the host that the stack has accepted.
type liveConn struct {
	isn  uint32 // of its SYN
	left bool   // the host has sent FIN or RST
}

// begunAnew says whether p is the SYN of another connection of the same addresses and ports: the
// host has left this one and may not know it any more, while its far end is still being told. The
// stack would answer the SYN in the name of the old connection, which costs the new one a second
// (RFC 9293 §3.10.7.4).
func (c *liveConn) begunAnew(p *packet.Packet) bool {
	return c.left && p.IsSYN() && p.TCPSeq() != c.isn
}

// segment decides about a segment of the connection. The stack is the far end for the host, and
// behind the edge: what expires there does not reach it.
func (c *liveConn) segment(p *packet.Packet) outcome {
	if packet.Expires(p.TTL) {
		return outcome{reason: packet.TTLExpired}
	}
	if p.TCPFlags()&(packet.FlagFIN|packet.FlagRST) != 0 {
		c.left = true
	}
	return outcome{to: theStack, pkt: p.Raw}
}

// ended forgets the connection that h has become, whose two directions have ended, but for its last
// segments; nothing where another one has taken its place. Superseded: those of another one are a
// stranger's from now on.
func (t *heldSYNs) ended(h *heldSYN, now time.Time) packet.Reason {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.live[h.key] != h.live {
		return packet.OK
	}
	delete(t.live, h.key)
	t.pushed = packet.OK
	t.over.Add(now, h.key, struct{}{}, struct{}{}, overTime)
	return t.pushed
}

// leftOver notes that a connection has left over (table.Config.OnEvict). The caller holds the lock.
func (t *heldSYNs) leftOver(_ tuple, _ struct{}, why packet.Reason) {
	if why == packet.Superseded {
		t.pushed = why
	}
}
