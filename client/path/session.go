package path

import (
	"container/list"
	"net/netip"
	"time"

	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/internal/table"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

const (
	// ringSize is how many of a session's last packets an ICMP error can still quote.
	ringSize = 64
	// maxResend is the size of the largest packet that is kept whole, to be sent again.
	maxResend = 2048
	// recentSize is how many of them are kept at the length that an ICMP error can
	// quote.
	recentSize = 4
	// headSize is how many bytes are kept of the older ones: all headers and the
	// start of the payload.
	headSize = 128
)

// tuple names a UDP session or a TCP connection of the host.
type tuple struct{ src, dst netip.AddrPort }

// session is one UDP five-tuple.
type session struct {
	tuple
	id         proto.SessionID
	registered bool   // the connector has it, as far as we know
	epoch      uint64 // link on which it was registered
	traffic    hop.Traffic
	used       time.Time
	tag        uint16        // of the newest packet; 0 = none yet
	resent     bool          // the newest packet was sent again
	quiet      *list.Element // of sessions.quiet; nil once it has been answered

	ring   table.Ring[quote]
	recent table.Ring[[]byte] // as much of each as an error can quote; empty if its head is all
	last   []byte             // the newest packet, whole, where it is not too large
}

// quote is the start of one packet of ours, for an ICMP error about it.
type quote struct {
	tag  uint16
	size uint8 // bytes in head
	head [headSize]byte
}

// newSession returns a session that has sent nothing yet.
func newSession(key tuple, now time.Time) *session {
	return &session{
		tuple: key, id: proto.NewSessionID(), used: now,
		ring: table.NewRing[quote](ringSize), recent: table.NewRing[[]byte](recentSize),
	}
}

// note gives the packet its tag and remembers it.
func (s *session) note(p *packet.Packet) uint16 {
	if s.tag++; s.tag == 0 { // 0 names no packet
		s.tag = 1
	}
	q, long := s.ring.Put(), s.recent.Put()
	q.tag, q.size = s.tag, uint8(copy(q.head[:], p.Raw))
	*long = (*long)[:0]
	if len(p.Raw) > headSize {
		*long = append(*long, p.Raw[:min(len(p.Raw), packet.MaxQuote(p.V6))]...)
	}
	s.last, s.resent = s.last[:0], false
	if len(p.Raw) <= maxResend {
		s.last = append(s.last, p.Raw...)
	}
	return s.tag
}

// quoted returns our own packet of this tag, as far as it is kept.
func (s *session) quoted(tag uint16) []byte {
	for i := range s.ring.Len() {
		q := s.ring.Newest(i)
		if q.tag != tag {
			continue
		}
		if i < s.recent.Len() {
			if long := *s.recent.Newest(i); len(long) > 0 {
				return long
			}
		}
		return q.head[:q.size]
	}
	return nil
}
