// Package link is one QUIC connection between a node and an edge: dial,
// redial, listen, TLS, datagrams, streams, heartbeats and what does not fit a
// datagram. It is the only owner of quic-go.
//
// Life of a link: Dial or Listener.Accept returns it after the TLS handshake;
// Run moves everything until the link ends; Close ends it. All methods are safe
// for concurrent use and none of Send, SendControl blocks on the network.
//
// The stages of a datagram are files: fair.go (whose turn it is), window.go (how
// much the peer keeps up with), sender.go (one goroutine), oversize.go (what
// does not fit), receive.go (one goroutine). Control messages are control.go;
// streams stream.go and accept.go, what flows on them is internal/flow; the health
// of the path heartbeat.go and pmtu.go.
package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/quic-go/quic-go"
	"go.uber.org/zap"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// Class is the urgency of a datagram: lower goes first.
type Class uint8

// The classes of datagrams, each with a bounded queue of its own.
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
	KeepAlive time.Duration // 0 = 1 s; on a listener 0 = what the dialling side chose
	// ResetKey is the stateless reset key (RFC 9000 §10.3), derived from a secret that survives restarts. Listener only.
	ResetKey *[32]byte
	// RequireRetry says whether an unverified address must prove itself first (RFC 9000 §8.1.2). Listener only; may be nil.
	RequireRetry func(remote net.Addr) bool
	// Admit is asked before a handshake begins. Listener only; nil lets everybody in.
	Admit Admission
	// Grow says whether the receive window of a link that is trusted (Link.Trust) may grow now: there is memory for it.
	// It is called with locks of quic-go held and must not block. Listener only; may be nil.
	Grow func() bool
	// Windows bounds the receive windows of all links together, in bytes, the first 128 KiB of each not counted; one link
	// may have a quarter. Listener only; 0 = 256 MiB.
	Windows uint64
	// Socket is used instead of a kernel UDP socket: simulation. The caller closes it.
	Socket net.PacketConn
	// Control is applied to the kernel socket before bind: firewall mark, interface.
	Control func(network, address string, c syscall.RawConn) error
	// Names remembers where the peers were that are dialled by name; may be nil.
	Names *Names
	// Tally is where the role counts packets, which the link joins in: see Handler.Datagram. May be nil.
	Tally *packet.Counters
	Log   *zap.Logger
}

// Handler receives what arrives on a link. A nil function refuses its kind.
type Handler struct {
	// Datagram is called from one goroutine at a time for each of: datagrams, oversize stream. d
	// starts with the type byte and is valid until return. Heartbeats are not seen here.
	//
	// Each packet is counted once in the tally of its role, by whoever it ends with. The link counts
	// there (Config.Tally) what ends in it: a frame that is malformed or of no known type, a queue
	// that is full, a datagram that is too large. The handler counts what it was given, packet.OK
	// included, and returns the reason, from which the link only keeps Info.Reasons: which of the
	// role's links it was.
	Datagram func(l *Link, d []byte) packet.Reason
	// Owner says whose datagram d is, where many share the link: what waits for Datagram waits in a fair
	// queue. May be nil: one waits for the other.
	Owner func(d []byte) Owner
	// Flow is called in a goroutine of its own for each stream that the peer opened as a flow. The header has been
	// read; the handler owns s and must finish it (Close or Reset) before it returns.
	Flow func(ctx context.Context, l *Link, s *Stream, h proto.FlowHeader)
	// Control is called for one message at a time, in order. An error closes the link with proto.CodeProtocol.
	Control func(l *Link, m proto.Control) error
}

// Info is a snapshot of a link for status.
type Info struct {
	Remote      netip.AddrPort `json:"remote"`
	Local       netip.AddrPort `json:"local"`
	Since       time.Time      `json:"since"`
	RTT         time.Duration  `json:"rtt_ns"`
	MaxDatagram int            `json:"max_datagram"` // bytes, now
	PathMTU     int            `json:"path_mtu"`     // IP packet size on the underlay
	Settled     bool           `json:"settled"`      // path MTU discovery is done
	Sent        uint64         `json:"sent"`         // datagrams
	Received    uint64         `json:"received"`
	PeerSent    uint64         `json:"peer_sent"` // what the peer reported last
	PeerGot     uint64         `json:"peer_received"`
	Switches    uint64         `json:"path_switches"` // how often a black hole was left behind
	// Reasons says what ended on this link and why; packet.OK is not in it.
	Reasons map[string]uint64 `json:"reasons,omitempty"`
}

// Link is one authenticated QUIC connection. See the package comment.
type Link struct {
	conn    *quic.Conn
	tls     tls.ConnectionState // of the handshake
	remote  netip.AddrPort      // where a dialled link goes
	cfg     *Config
	log     *zap.Logger
	dialled bool
	idle    time.Duration
	since   time.Time

	send     sender
	window   window
	over     oversizeSender
	control  controlSender
	recvOver oversizeReceiver
	mtu      mtuTracker
	beat     heartbeat
	tally    tally

	mutes    atomic.Int32  // streams that did not say in time what they are
	unnamed  chan struct{} // a place for each stream that may still say it
	streams  atomic.Int64  // open flows: the link is in use
	reported uint64        // used by runTicks alone

	pathMu  sync.Mutex
	path    *localPath // dialling side: the socket in use
	retired []*localPath
	spare   *localPath // validated by the peer and not in use
	unheard *localPath // a socket whose path the peer did not validate
	source  netip.Addr // from which the host speaks to the peer; zero: it has no route
	gone    bool       // released: no new paths
	// spareAfter is when the next spare may be made.
	spareAfter time.Time
	sparePause time.Duration // after the attempt that failed last; 0 = none did
}

func newLink(conn *quic.Conn, cfg *Config) *Link {
	// quic-go's ConnectionState, and on the dialling side RemoteAddr and LocalAddr, read without a lock what a path
	// switch writes: they are not called after this.
	l := &Link{conn: conn, cfg: cfg, log: cfg.Log, since: time.Now(), tls: conn.ConnectionState().TLS}
	if l.log == nil {
		l.log = zap.NewNop()
	}
	l.unnamed = make(chan struct{}, maxUnnamed)
	l.tally.role = cfg.Tally
	l.send.init()
	l.window.init()
	l.over.init()
	l.control.init()
	l.mtu.restart(l.since)
	l.learnMTU()
	return l
}

// ALPN returns the protocol that was agreed on: proto.ALPN or proto.EnrolALPN.
func (l *Link) ALPN() string { return l.tls.NegotiatedProtocol }

// Peer returns the certificate chain that the peer showed; empty on an enrolment connection.
func (l *Link) Peer() []*x509.Certificate { return l.tls.PeerCertificates }

// TLS returns the state of the handshake.
func (l *Link) TLS() tls.ConnectionState { return l.tls }

// Remote returns the peer's address now; on the accepting side it changes when the peer migrates.
func (l *Link) Remote() netip.AddrPort {
	if l.dialled {
		return l.remote
	}
	return addrPort(l.conn.RemoteAddr())
}

// local returns the address of our socket.
func (l *Link) local() netip.AddrPort {
	if !l.dialled {
		return addrPort(l.conn.LocalAddr())
	}
	l.pathMu.Lock()
	defer l.pathMu.Unlock()
	if l.path == nil {
		return netip.AddrPort{}
	}
	return addrPort(l.path.sock.LocalAddr())
}

// Done is closed when the link has ended.
func (l *Link) Done() <-chan struct{} { return l.conn.Context().Done() }

// Counters returns what has ended on this link, by reason: see Handler.Datagram.
func (l *Link) Counters() *packet.Counters { return &l.tally.reasons }

// MaxDatagram returns the size in bytes of the largest datagram that travels as
// one now, and whether path MTU discovery has settled: until then the number may
// still grow and no "packet too big" is to be made from it.
func (l *Link) MaxDatagram() (n int, settled bool) { return l.mtu.get(time.Now()) }

// Info returns a snapshot.
func (l *Link) Info() Info {
	n, settled := l.MaxDatagram()
	remote := l.Remote()
	return Info{
		Remote:      remote,
		Local:       l.local(),
		Since:       l.since,
		RTT:         l.conn.ConnectionStats().SmoothedRTT,
		MaxDatagram: n,
		PathMTU:     pathMTU(n, remote.Addr()),
		Settled:     settled,
		Sent:        l.tally.sent.Load(),
		Received:    l.tally.received.Load(),
		PeerSent:    l.tally.peerSent.Load(),
		PeerGot:     l.tally.peerGot.Load(),
		Switches:    l.beat.switches.Load(),
		Reasons:     l.tally.reasons.Snapshot(),
	}
}

// Close ends the link and tells the peer why. It waits until quic-go has sent
// that and, where Run is not running, closes the sockets. Later calls do
// nothing. What is still queued is lost.
func (l *Link) Close(code proto.Code, text string) error {
	err := l.conn.CloseWithError(quic.ApplicationErrorCode(code), text)
	l.release()
	return err
}

// closed returns why the link has ended.
func (l *Link) closed() error {
	err := context.Cause(l.conn.Context())
	if err == nil {
		return ErrClosed
	}
	return translateIdle(err, l.idle)
}
