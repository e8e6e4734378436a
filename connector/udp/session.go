package udp

import (
	"net/netip"
	"sync"
	"time"

	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// Session is one five-tuple.
type Session struct {
	id       proto.SessionID
	src, dst netip.AddrPort
	idle     time.Duration
	began    time.Time
	traffic  hop.Traffic
	of       *Sessions

	// guarded by mu, which sender and reader of the socket hold: see Socket. The locks of the table
	// and of the packets that wait are taken under it, never the other way round.
	mu   sync.Mutex
	sock Socket // nil: closed
	ring ring
	kept time.Duration // idle time in the table, by its traffic

	held    []held        // probes that wait for the answer to another
	slowest time.Duration // answer so far, 0 = none
}

// Client returns whose session it is.
func (s *Session) Client() netip.Addr { return s.src.Addr() }

// Dst returns to whom its socket is connected.
func (s *Session) Dst() netip.AddrPort { return s.dst }

// Lock keeps everybody else from the session and its socket.
func (s *Session) Lock() { s.mu.Lock() }

// Unlock lets them.
func (s *Session) Unlock() { s.mu.Unlock() }

// send remembers a packet and sends it; s is locked.
func (s *Session) send(now time.Time, ttl uint8, p *proto.UDPPayload) packet.Verdict {
	if s.sock == nil {
		return packet.Verdict{Reason: packet.Closed}
	}
	s.ring.remember(now.Sub(s.began), p.Tag, p.TTL, p.Payload)
	return s.sock.Send(Datagram{TTL: ttl, TOS: p.Class, DF: p.DF, Payload: p.Payload})
}

// Received sends a payload of the destination to the client; s is locked. It has n bytes and stands
// in buf behind proto.PayloadOverhead bytes, into which its header is written. TTL 0 = unknown.
func (s *Session) Received(buf []byte, n int, ttl, tos uint8) {
	s.of.received(s)
	ttl, ok := hop.BackTTL(ttl, s.of.cfg.Host.Seen(s.dst.Addr(), ttl))
	if !ok {
		s.of.cfg.Back.Count(packet.TTLExpired)
		return
	}
	head := proto.AppendUDPPayload(buf[:0], &proto.UDPPayload{Session: s.id, TTL: ttl, Class: tos})
	if r := s.of.cfg.Back.Deliver(s.src.Addr(), s.traffic.Class(n), buf[:len(head)+n]); r != packet.OK {
		s.of.cfg.Back.Count(r)
	}
}

// Lost counts a packet that ended, of which the client cannot be told.
func (s *Session) Lost(why packet.Reason) { s.of.cfg.Back.Count(why) }

// Failed tells the client of an ICMP error that the network sent about a packet of the session, of
// whose payload it quotes quoted; s is locked. e.TTL is the one with which it arrived, 0 = unknown.
func (s *Session) Failed(e packet.Error, quoted []byte) {
	now := time.Now()
	p := s.ring.match(quoted, s.awaitedSince(now))
	if p == nil {
		s.of.cfg.Back.Count(packet.Unsolicited)
		return
	}
	s.tookFor(now.Sub(s.began) - p.at)
	s.of.cfg.Host.Heard(s.dst.Addr(), e.Src)
	r, ok := hop.Heard(e, s.dst.Addr(), p.ttl, s.of.cfg.Host.Seen(e.Src, e.TTL))
	if !ok {
		s.of.cfg.Back.Count(r.Reason)
		return
	}
	r = s.of.Readable(r)
	s.of.Refused(s.src.Addr(), s.id, p.tag, &r)
}
