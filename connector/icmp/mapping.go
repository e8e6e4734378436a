package icmp

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/oneping/oneping/internal/table"
	"github.com/oneping/oneping/proto/packet"
)

const (
	ringSize  = 64               // requests that a mapping remembers, answered or not
	ringMost  = 1024             // as many where they still wait: a sweep, a burst, a slow path
	ringWait  = 10 * time.Second // how long one that waits keeps its place; a dead neighbour takes 3 s
	ringSpare = 1 << 16          // requests by which all rings together may grow
	headSize  = 128              // bytes that it keeps of each: all headers and the start of the payload
)

// request is a query of a client, as it arrived here.
type request struct {
	at   time.Time
	dst  netip.Addr
	seq  uint16
	ttl  uint8
	hdr  uint8 // offset of the ICMP header
	size uint8 // bytes in head
	done bool  // has had a reply or an error

	timestamp bool // else an echo request

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

// mapping is one (client, identifier) and its last requests.
type mapping struct {
	key
	out  Outer // as it leaves this host
	ring table.Ring[request]

	confirmed bool // has had a reply
}

// remember notes a request before it is sent. False where its headers are too
// long to be kept. The ring may grow by spare, from which it takes what it needs.
func (m *mapping) remember(p *packet.Packet, now time.Time, spare *int) bool {
	if p.Hdr+8 > headSize {
		return false
	}
	if oldest := m.ring.Oldest(); oldest != nil && !oldest.done && now.Sub(oldest.at) < ringWait {
		m.grow(spare) // it still waits for its answer
	}
	q := m.ring.Put()
	q.at, q.dst, q.seq, q.ttl, q.hdr, q.done = now, p.Dst, p.Seq, p.TTL, uint8(p.Hdr), false
	q.timestamp = p.IsTimestamp()
	q.size = uint8(copy(q.head[:], p.Raw))
	return true
}

// grow doubles the ring as far as spare allows.
func (m *mapping) grow(spare *int) {
	limit := m.ring.Limit()
	if more := min(limit, ringMost-limit, *spare); more > 0 {
		*spare -= more
		m.ring.Grow(more)
	}
}

// likeness says how far the payload that came back is the one that was sent.
type likeness uint8

const (
	unlike likeness = iota // it may be that of another program's request
	alike                  // most of it: damaged on its way, which is for who asked to see
	equal                  // as far as both are known: it may be cut short or have something behind it
)

// like compares payloads. Two programs on this host may use one identifier; their payloads differ.
func like(sent, got []byte) likeness {
	n := min(len(sent), len(got))
	if bytes.Equal(sent[:n], got[:n]) {
		return equal
	}
	same := 0
	for i := range n {
		if sent[i] == got[i] {
			same++
		}
	}
	if 2*same >= n {
		return alike
	}
	return unlike
}

// question is what a request and its answer, or an error about it, have in common beside their mapping.
type question struct {
	dst       netip.Addr
	seq       uint16
	timestamp bool
}

// find returns the request of the last Lifetime that asked what whose payload is most like data, the
// newest of equals, and how much. nil: there is none.
func (m *mapping) find(what question, data []byte, now time.Time) (best *request, how likeness) {
	for i := range m.ring.Len() {
		q := m.ring.Newest(i)
		if (question{q.dst, q.seq, q.timestamp}) != what || now.Sub(q.at) > Lifetime {
			continue
		}
		l := like(q.payload(), data)
		if l == equal {
			return q, l
		}
		if best == nil || l > how {
			best, how = q, l
		}
	}
	return best, how
}
