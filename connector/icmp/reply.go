package icmp

import (
	"bytes"
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
	client, ownOptions, ok := n.asker(a, alike)
	if !ok && client != (key{}) && n.t.Alone(a.out) { // what came back is not what was sent, but nobody else's
		client, ownOptions, ok = n.asker(a, unlike)
	}
	if !ok {
		return packet.Unsolicited
	}
	n.cfg.Host.Heard(a.from, a.from)
	own := n.cfg.Host.Seen(a.from, a.ttl)
	ttl, ok := hop.BackTTL(a.ttl, own)
	if !ok {
		return packet.TTLExpired
	}
	s := n.bufs.Get().(*scratch)
	defer n.bufs.Put(s)
	options := a.options
	if own {
		options = ownOptions
	}
	if len(options) > 0 {
		options = packet.AppendRecords(nil, options)
	}
	s.out = packet.AppendEcho(append(s.out[:0], byte(proto.TypePacket)), &packet.Echo{
		Src: a.from, Dst: client.client, Ident: client.ident, Seq: a.seq, TTL: ttl, TOS: a.tos,
		ID: uint16(n.ids.Add(1)), Reply: true, Timestamp: a.timestamp, Code: a.code, Options: options, Payload: a.payload,
	})
	if own && len(options) > 0 { // as who has the request, and as who sends the answer
		p := packet.Packet{Raw: s.out[proto.PacketOverhead:], Hdr: 20 + len(options)}
		p.Record(a.from, time.Now())
		p.Record(a.from, time.Now())
	}
	return n.cfg.Back.Deliver(client.client, link.Urgent, s.out)
}

// asker returns who has sent the request that a answers, and the IPv4 options that it had. Where its
// payload is at least so much like the one of a, it has been answered, and its mapping is kept from now
// on; else false. The zero key: there is no such request.
func (n *NAT) asker(a *reply, least likeness) (_ key, options []byte, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := n.outer[a.out]
	if m == nil {
		return key{}, nil, false
	}
	q, how := m.find(question{a.from, a.seq, a.timestamp}, a.returned(), time.Now())
	switch {
	case q == nil:
		return key{}, nil, false
	case how < least:
		return m.key, nil, false
	}
	q.done = true
	if !m.confirmed {
		m.confirmed = true
		n.table.Confirm(m.key)
	}
	if q.hdr > 20 && !m.out.V6 {
		options = bytes.Clone(q.head[20:q.hdr]) // the ring goes on
	}
	return m.key, options, true
}
