package udp

import "bytes"

const (
	ringSize   = 64 // packets that a session remembers
	prefixSize = 32 // bytes that it keeps of each payload
)

// sent is a packet of a session on its way.
type sent struct {
	tag      uint16
	length   uint16
	ttl      uint8 // as it arrived here
	known    uint8 // bytes in prefix
	answered bool  // an error has named it
	prefix   [prefixSize]byte
}

// ring holds the last packets of a session, so that an error can name the one that caused it.
type ring struct {
	last []sent // grows to ringSize, then round and round
	next int
}

func (r *ring) remember(tag uint16, ttl uint8, payload []byte) {
	if len(r.last) < ringSize {
		r.last = append(r.last, sent{})
		r.next = len(r.last) - 1
	}
	s := &r.last[r.next]
	r.next = (r.next + 1) % ringSize
	*s = sent{tag: tag, ttl: ttl, length: uint16(len(payload))}
	s.known = uint8(copy(s.prefix[:], payload))
}

// match finds the packet of which a router quoted the payload data: the one
// that agrees in most bytes; among equals the newest that no error has named yet, else the newest.
// Routers may quote less than the payload, down to nothing (RFC 792: 64 bits,
// the UDP header), or pad it (RFC 4884). nil where nothing agrees.
func (r *ring) match(data []byte) *sent {
	var best *sent
	agree := -1
	for i := range len(r.last) {
		at := (r.next - 1 - i + 2*ringSize) % ringSize // newest first
		if at >= len(r.last) {
			continue
		}
		s := &r.last[at]
		n := min(int(s.known), len(data))
		if !bytes.Equal(s.prefix[:n], data[:n]) {
			continue
		}
		if n > agree || n == agree && best.answered && !s.answered {
			best, agree = s, n
		}
	}
	if best != nil {
		best.answered = true
	}
	return best
}
