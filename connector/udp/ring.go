package udp

import (
	"bytes"
	"time"

	"github.com/oneping/oneping/internal/table"
)

const (
	ringSize   = 64 // packets that a session remembers
	prefixSize = 32 // bytes that it keeps of each payload
	// shortQuote is how much payload any router quotes that quotes more than RFC 792 asks for (RFC
	// 4884 §4.2: 128 bytes from the IP header on): beyond it two lengths may look alike.
	shortQuote = 128 - 40 - 8
)

// sent is a packet of a session on its way.
type sent struct {
	at     time.Duration // since the session began
	tag    uint16
	length uint16
	ttl    uint8 // as it arrived here
	known  uint8 // bytes in prefix
	named  bool  // by an error
	prefix [prefixSize]byte
}

// twin says whether an error that quotes payload could be about this packet.
func (s *sent) twin(payload []byte) bool {
	if n := len(payload); n != int(s.length) && (n < shortQuote || s.length < shortQuote) {
		return false
	}
	n := min(int(s.known), len(payload))
	return bytes.Equal(s.prefix[:n], payload[:n])
}

// ring holds the last packets of a session, so that an error can name the one that caused it.
type ring struct {
	sent    table.Ring[sent]
	ttl     uint8         // of the newest packet
	same    int           // newest packets in a row with that TTL
	replied time.Duration // when the destination was last heard
}

func newRing() ring { return ring{sent: table.NewRing[sent](ringSize), replied: never} }

// never is before the session began.
const never = -1

func (r *ring) remember(at time.Duration, tag uint16, ttl uint8, payload []byte) {
	s := r.sent.Put()
	*s = sent{at: at, tag: tag, ttl: ttl, length: uint16(len(payload))}
	s.known = uint8(copy(s.prefix[:], payload))
	if ttl != r.ttl {
		r.ttl, r.same = ttl, 0
	}
	r.same++
}

// confuses says whether an error about payload, sent with ttl now, could be taken for one about
// another packet that was sent after since and has no answer yet. Packets of one TTL do not count:
// what is said of one holds for all.
func (r *ring) confuses(ttl uint8, payload []byte, since time.Duration) bool {
	if ttl == r.ttl && r.same >= r.sent.Len() {
		return false // the TTL is always the same, as that of all but probes
	}
	for i := range r.sent.Len() {
		s := r.sent.Newest(i)
		if s.at < since || s.at <= r.replied {
			return false
		}
		if s.ttl != ttl && !s.named && s.twin(payload) {
			return true
		}
	}
	return false
}

// match finds the packet of which a router quoted the payload data: the one that agrees in most
// bytes, and in its length. Among equals that no error has named yet it is the oldest sent after
// since, errors come in order, or the newest sent before: its elders are lost. Routers may quote
// less than the payload, down to nothing (RFC 792: 64 bits, the UDP header), or pad it (RFC 4884).
// nil where nothing agrees.
func (r *ring) match(data []byte, since time.Duration) *sent {
	var best *sent
	var bestRank rank
	for i := range r.sent.Len() {
		s := r.sent.Newest(i)
		n := min(int(s.known), len(data))
		if !bytes.Equal(s.prefix[:n], data[:n]) {
			continue
		}
		k := rank{bytes: n, whole: len(data) == int(s.length), open: !s.named, awaited: !s.named && s.at >= since}
		if best == nil || k.above(bestRank) {
			best, bestRank = s, k
		}
	}
	if best != nil {
		best.named = true
	}
	return best
}

// rank is how well a packet agrees with a quote.
type rank struct {
	bytes                int
	whole, open, awaited bool
}

// above says whether k is better than the rank o of a newer packet.
func (k rank) above(o rank) bool {
	switch {
	case k.bytes != o.bytes:
		return k.bytes > o.bytes
	case k.whole != o.whole:
		return k.whole
	case k.open != o.open:
		return k.open
	}
	return k.awaited
}
