package icmp

import (
	"net/netip"
	"time"

	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// reply is the reply to a query as a transport received it.
type reply struct {
	out       Outer
	from      netip.Addr
	seq       uint16
	timestamp bool // to a timestamp request; else an echo reply
	code      uint8
	ttl, tos  uint8  // ttl 0 = unknown
	options   []byte // of IPv4
	payload   []byte
}

// returned is what of the payload came from the request.
func (a *reply) returned() []byte {
	if a.timestamp {
		return a.payload[:min(4, len(a.payload))] // behind it stand the other host's own times
	}
	return a.payload
}

// reply hands a reply to its client, if it answers a request.
func (n *NAT) reply(a *reply) {
	if r := n.tryReply(a); r != packet.OK {
		n.cfg.Back.Count(r)
	}
}

func (n *NAT) tryReply(a *reply) packet.Reason {
	client, ok := n.asker(a, alike)
	if !ok && client != (key{}) && n.t.Alone(a.out) { // what came back is not what was sent, but nobody else's
		client, ok = n.asker(a, unlike)
	}
	if !ok {
		return packet.Unsolicited
	}
	n.cfg.Host.Heard(a.from, a.from)
	ttl, ok := hop.BackTTL(a.ttl, n.cfg.Host.Seen(a.from, a.ttl))
	if !ok {
		return packet.TTLExpired
	}
	s := n.bufs.Get().(*scratch)
	defer n.bufs.Put(s)
	var options []byte
	if len(a.options) > 0 {
		options = packet.AppendRecords(nil, a.options)
	}
	s.out = packet.AppendEcho(append(s.out[:0], byte(proto.TypePacket)), &packet.Echo{
		Src: a.from, Dst: client.client, Ident: client.ident, Seq: a.seq, TTL: ttl, TOS: a.tos,
		ID: uint16(n.ids.Add(1)), Reply: true, Timestamp: a.timestamp, Code: a.code, Options: options, Payload: a.payload,
	})
	return n.cfg.Back.Deliver(client.client, link.Urgent, s.out)
}

// asker returns who has sent the request that a answers. Where its payload is at least so much like
// the one of a, it has been answered, and its mapping is kept from now on; else false. The zero key:
// there is no such request.
func (n *NAT) asker(a *reply, least likeness) (key, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := n.outer[a.out]
	if m == nil {
		return key{}, false
	}
	q, how := m.find(question{a.from, a.seq, a.timestamp}, a.returned(), time.Now())
	switch {
	case q == nil:
		return key{}, false
	case how < least:
		return m.key, false
	}
	q.done = true
	if !m.confirmed {
		m.confirmed = true
		n.table.Confirm(m.key)
	}
	return m.key, true
}
