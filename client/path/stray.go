package path

import (
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// A segment that opens no connection and belongs to none is a probe (nmap -PA,
// traceroute -T -O ack), or a leftover of a connection that this client has never
// seen. The stack would reset it in the name of any address on earth. So the
// destination itself is asked, by a connection attempt with the segment's TTL: if it
// accepts or refuses, it is there and would have reset the segment; an error of a
// router becomes one about the segment; silence stays silence.

const (
	// overTime is how long the last segments of a connection that has ended may
	// arrive; the stack answers them.
	overTime = 30 * time.Second
	// maxOver bounds the connections of which that is remembered: the one that
	// ended first makes room.
	maxOver = 1 << 14
)

// stray decides about a segment without SYN of no live connection. False: its
// destination is to be asked. The caller holds the lock.
func (t *heldSYNs) stray(key tuple, h *heldSYN, p *packet.Packet) (outcome, bool) {
	if _, ok := t.over.Get(key); ok {
		return (&liveConn{}).segment(p, time.Time{}), true
	}
	if p.TCPFlags()&packet.FlagRST != 0 { // never answered
		if h != nil && (h.stray || p.TCPSeq()-h.isn <= 1) { // else it is an earlier connection's
			t.forget(h)
		}
		return outcome{}, true
	}
	if h != nil && !h.stray {
		return outcome{reason: packet.Unsolicited}, true // no handshake has begun
	}
	return outcome{}, false
}

// reset answers a stray segment for a destination that accepts connections. A
// listener resets a segment that acknowledges, and ignores the rest (RFC 9293
// §3.10.7.2).
func reset(a *proto.FlowAnswer, segment []byte) (o outcome) {
	var p packet.Packet
	if packet.Parse(segment, &p) != packet.OK || p.TCPFlags()&packet.FlagACK == 0 {
		return o
	}
	if rst, ok := packet.AppendRST(nil, &p, a.TTL); ok {
		o.to, o.pkt = theHost, rst
	}
	return o
}
