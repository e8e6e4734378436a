// Package link is one QUIC connection between a node and an edge: dial,
// redial, listen, TLS, datagrams, streams, heartbeats and what does not fit a
// datagram. It is the only owner of quic-go.
//
// Life of a link: Dial or Listener.Accept returns it after the TLS handshake;
// Run moves everything until the link ends; Close ends it. All methods are safe
// for concurrent use and none of Send, SendControl blocks on the network.
package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// Class is the urgency of a datagram: lower goes first.
type Class uint8

// The classes of DESIGN §5, each with a bounded queue of its own.
const (
	Urgent      Class = iota // ICMP, events, heartbeats
	Interactive              // small UDP payloads
	Bulk                     // large UDP payloads
	numClasses
)

// Config is how links are dialled and accepted.
type Config struct {
	TLS       *tls.Config   // with certificates and verification; NextProtos is set by this package
	ALPN      string        // proto.ALPN when empty
	KeepAlive time.Duration // 0 = 1 s
	// ResetKey is the stateless reset key (RFC 9000 §10.3), derived from a secret that survives restarts. Listener only.
	ResetKey *[32]byte
	// Socket is used instead of a kernel UDP socket: simulation.
	Socket net.PacketConn
	// Control is applied to the kernel socket before bind: firewall mark, interface.
	Control func(network, address string, c syscall.RawConn) error
	Log     *zap.Logger
}

// Handler receives what arrives on a link.
type Handler struct {
	// Datagram is called from one goroutine at a time for each of: datagrams, oversize stream. d starts with the
	// type byte and is valid until return. Heartbeats are not seen here. The returned reason is counted by the link unless it is packet.OK.
	Datagram func(l *Link, d []byte) packet.Reason
	// Flow is called in a goroutine of its own for each stream that the peer opened as a flow. The header has been
	// read; the handler owns s and must finish it (Close or Reset) before it returns.
	Flow func(ctx context.Context, l *Link, s *Stream, h proto.FlowHeader)
	// Control is called for one message at a time, in order. An error closes the link with proto.CodeProtocol.
	Control func(l *Link, m proto.Control) error
}

// Info is a snapshot of a link for status.
type Info struct {
	Remote      netip.AddrPort    `json:"remote"`
	Local       netip.AddrPort    `json:"local"`
	Since       time.Time         `json:"since"`
	RTT         time.Duration     `json:"rtt_ns"`
	MaxDatagram int               `json:"max_datagram"` // bytes, now
	PathMTU     int               `json:"path_mtu"`     // IP packet size on the underlay
	Settled     bool              `json:"settled"`      // path MTU discovery is done
	Sent        uint64            `json:"sent"`         // datagrams
	Received    uint64            `json:"received"`
	PeerSent    uint64            `json:"peer_sent"` // what the peer reported last
	PeerGot     uint64            `json:"peer_received"`
	Reasons     map[string]uint64 `json:"reasons,omitempty"`
}

// ErrClosed is returned by methods of a link that has ended; errors.Is(err, net.ErrClosed) holds too.
var ErrClosed = errors.Join(errors.New("link closed"), net.ErrClosed)

// CloseError is how Run and the streams of a link report its end by the peer or by Close.
type CloseError struct {
	Code   proto.Code
	Text   string
	Remote bool
}

func (e *CloseError) Error() string {
	by := "us"
	if e.Remote {
		by = "peer"
	}
	return "link closed by " + by + ": " + e.Code.String() + ": " + e.Text
}

// Peer returns the certificate chain that the peer showed; empty on an enrolment connection.
func (l *Link) Peer() []*x509.Certificate { return nil }
