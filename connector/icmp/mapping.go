package icmp

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

const (
	ringSize = 64  // requests that a mapping remembers
	headSize = 128 // bytes that it keeps of each: all headers and the start of the payload
)

// request is an echo request of a client, as it arrived here.
type request struct {
	at   time.Time
	dst  netip.Addr
	seq  uint16
	ttl  uint8
	hdr  uint8 // offset of the ICMP header
	size uint8 // bytes in head
	head [headSize]byte
}

// payload returns what is known of the request's payload.
func (q *request) payload() []byte { return q.head[q.hdr+8 : q.size] }

// key names a mapping: endpoint independent (RFC 5508 REQ-1), so the
// destination is not part of it. The family is that of the client's address.
type key struct {
	client netip.Addr
	ident  uint16
}

// outer names a mapping on the other side: the identifier that leaves this host.
type outer struct {
	v6    bool
	ident uint16
}

// mapping is one (client, identifier) and its last requests.
type mapping struct {
	key
	out  outer
	ring []request // grows to ringSize, then round and round
	next int
}

// remember notes a request before it is sent. False where its headers are too long to be kept.
func (m *mapping) remember(p *packet.Packet, now time.Time) bool {
	if p.Hdr+8 > headSize {
		return false
	}
	if len(m.ring) < ringSize {
		m.ring = append(m.ring, request{})
		m.next = len(m.ring) - 1
	}
	q := &m.ring[m.next]
	m.next = (m.next + 1) % ringSize
	q.at, q.dst, q.seq, q.ttl, q.hdr = now, p.Dst, p.Seq, p.TTL, uint8(p.Hdr)
	q.size = uint8(copy(q.head[:], p.Raw))
	return true
}

// find returns the newest request of the last Lifetime to dst with this
// sequence number whose payload agrees with data as far as both are known: two programs on
// this host may use one identifier, their payloads differ.
func (m *mapping) find(dst netip.Addr, seq uint16, data []byte, now time.Time) *request {
	for i := range len(m.ring) {
		at := (m.next - 1 - i + 2*ringSize) % ringSize
		if at >= len(m.ring) {
			continue
		}
		q := &m.ring[at]
		if q.seq != seq || q.dst != dst || now.Sub(q.at) > Lifetime {
			continue
		}
		have := q.payload()
		if n := min(len(have), len(data)); bytes.Equal(have[:n], data[:n]) {
			return q
		}
	}
	return nil
}
