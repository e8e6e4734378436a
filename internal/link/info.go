package link

import (
	"net/netip"
	"time"

	"github.com/oneping/oneping/internal/term"
)

// Info is a snapshot of a link for status.
type Info struct {
	Remote      netip.AddrPort `json:"remote"`
	Local       netip.AddrPort `json:"local"`
	Since       time.Time      `json:"since"`
	RTT         time.Duration  `json:"rtt_ns"`
	MaxDatagram int            `json:"max_datagram"` // bytes, now
	PathMTU     int            `json:"path_mtu"`     // IP packet size on the underlay
	Settled     bool           `json:"settled"`      // path MTU discovery is done
	// PathMTUBefore is what PathMTU was until PathMTUSince; 0: it has been the same since it was
	// first known.
	PathMTUBefore int       `json:"path_mtu_before,omitempty"`
	PathMTUSince  time.Time `json:"path_mtu_since,omitzero"`
	// Unanswered is for how long packets of full size have not been answered; 0: they are.
	Unanswered time.Duration `json:"full_size_unanswered_ns,omitempty"`
	// LossOut and LossIn are of the last minute: what was sent to the peer, and what came from it.
	// Without datagrams nothing is known: too few were sent, or the peer does not tell.
	LossOut Loss `json:"loss_sent,omitzero"`
	LossIn  Loss `json:"loss_received,omitzero"`

	Sent     uint64 `json:"sent"` // datagrams
	Received uint64 `json:"received"`
	PeerSent uint64 `json:"peer_sent"` // what the peer reported last
	PeerGot  uint64 `json:"peer_received"`
	Switches uint64 `json:"path_switches"` // how often a black hole was left behind
	// Reasons says what ended on this link and why; packet.OK is not in it.
	Reasons map[string]uint64 `json:"reasons,omitempty"`
}

// Info returns a snapshot.
func (l *Link) Info() Info {
	n, settled := l.MaxDatagram()
	i := Info{
		Remote:      l.Remote(),
		Local:       l.carrier.Local(),
		Since:       term.Moment(l.since),
		RTT:         l.carrier.Stats().RTT,
		MaxDatagram: n,
		PathMTU:     l.carrier.PathMTU(),
		Settled:     settled,
		Sent:        l.tally.sent.Load(),
		Received:    l.tally.received.Load(),
		PeerSent:    l.tally.peerSent.Load(),
		PeerGot:     l.tally.peerGot.Load(),
		Switches:    l.beat.switches.Load(),
		Reasons:     l.tally.reasons.Snapshot(),
		Unanswered:  l.beat.unanswered(time.Now()),
	}
	i.PathMTUBefore, i.PathMTUSince = l.width.change()
	i.LossIn, i.LossOut = l.losses.lately()
	return i
}

// Traffic is what went over a link until now.
type Traffic struct {
	Received uint64 // bytes of UDP payload, duplicates included
	Packets  uint64 // that they came in
	Consumed uint64 // bytes of streams and datagrams that were read here
}

// Traffic returns what came in and what was read of it. The difference is what QUIC itself needs
// and what is kept until somebody reads it: quic-go does not say how much that is.
func (l *Link) Traffic() Traffic {
	s := l.carrier.Stats()
	return Traffic{Received: s.BytesReceived, Packets: s.PacketsReceived, Consumed: l.tally.consumed.Load()}
}
