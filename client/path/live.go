package path

import (
	"time"

	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/proto/packet"
)

// liveConn is a connection of the host that the stack has accepted.
type liveConn struct {
	flow *flow.Flow
	isn  uint32    // of its SYN
	next uint32    // sequence number behind what the host has sent
	ack  uint32    // what it acknowledges
	last time.Time // of its last word, or keep-alive
	tos  uint8     // traffic class of the host's last segment
	left bool      // the host has sent FIN or RST
}

// begunAnew says whether p is the SYN of another connection of the same addresses and ports: the
// host has left this one and may not know it any more, while its far end is still being told. The
// stack would answer the SYN in the name of the old connection, which costs the new one a second
// (RFC 9293 §3.10.7.4).
func (c *liveConn) begunAnew(p *packet.Packet) bool {
	return c.left && p.IsSYN() && p.TCPSeq() != c.isn
}

// segment decides about a segment of the connection. The stack is the far end for the host, and
// behind the edge: what expires there does not reach it. What it looks like beside its bytes is a
// wish that the far side of the flow follows.
func (c *liveConn) segment(p *packet.Packet, now time.Time) outcome {
	if packet.Expires(p.TTL) {
		return outcome{reason: packet.TTLExpired}
	}
	o := outcome{to: theStack, pkt: p.Raw, tos: p.TOS &^ ecnMask}
	flags, size := p.TCPFlags(), uint32(len(p.Payload()))
	switch {
	case flags == packet.FlagACK && size <= 1 && p.TCPSeq() == c.next-1: // RFC 9293 §3.8.4
		o.flow, o.idle = c.flow, flow.AliveSeconds(now.Sub(c.last))
		c.last = now
	case flags != packet.FlagACK || size > 0 || p.TCPAck() != c.ack: // else it answers a keep-alive of the stack
		c.last = now
	}
	c.ack = p.TCPAck()
	if o.tos != c.tos {
		o.flow, c.tos = c.flow, o.tos
	}
	if flags&(packet.FlagFIN|packet.FlagRST) != 0 {
		c.left = true
	}
	if end := p.TCPSeq() + size; int32(end-c.next) > 0 {
		c.next = end
	}
	return o
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

// ask tells the far end of a flow that its host has asked for it, after idle seconds without a word
// (flow.AliveSeconds), without waiting for the stream.
func (t *heldSYNs) ask(f *flow.Flow, idle uint16) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.wg.Go(func() { f.AskAlive(idle) })
	}
}
