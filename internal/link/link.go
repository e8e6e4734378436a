package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// Options is how a link lives.
type Options struct {
	Dialled   bool          // this side is the node's: it opens the control stream and watches the path
	KeepAlive time.Duration // 0 = DefaultKeepAlive
	// Tally is where the role counts packets, which the link joins in: see Handler. May be nil.
	Tally *packet.Counters
	Log   *zap.Logger // may be nil
}

// Link is one authenticated connection between a node and an edge.
//
//	path.Dial ─────▶ hello ─▶ welcome ─▶ in use ─▶ lost, closed or drained ─▶ path.Redial
//	path.Listener ─▶ Trust               │    ▲
//	       a black hole, another network │    │ streams and datagrams go on,
//	                                     ▼    │ from the smallest packets on
//	                                     switch ──the new path is silent──▶ lost
//
// The link itself knows neither hello nor welcome: those are control messages of its users. Lost is
// where nothing is heard for some keep-alives, or where a black hole cannot be left.
//
// Goroutines: Run starts one for each of sending, oversize sending, receiving, control, accepting
// (two), the clock and keeping a way out, and one for each stream that the peer opens. It joins
// all.
//
// Lock order: oversizeReceiver.deliver is held while the receiver goroutine works for it, and is
// outermost. Every other lock of a link is innermost: with it held nothing of another part is called.
type Link struct {
	carrier   Carrier
	dialled   bool
	keepAlive time.Duration
	since     time.Time
	log       *zap.Logger

	send     sender           // datagrams: queues and whose turn it is
	window   window           // how many of them the peer keeps up with
	over     oversizeSender   // what does not fit one
	recvOver oversizeReceiver // what did not fit the peer's
	control  controlSender
	streams  streams   // of the peer, and how many are open
	beat     heartbeat // the health of the path
	width    width     // how its MTU has changed
	losses   losses    // and what is lost on it
	tally    tally
}

// New makes a link of a connection whose handshake is done. Run or Close must be called.
func New(c Carrier, o Options) (*Link, error) {
	l := &Link{carrier: c, dialled: o.Dialled, keepAlive: o.KeepAlive, since: time.Now(), log: o.Log}
	if l.keepAlive <= 0 {
		l.keepAlive = DefaultKeepAlive
	}
	if l.log == nil {
		l.log = zap.NewNop()
	}
	l.send.init()
	l.window.init()
	l.over.init()
	l.recvOver.init()
	l.control.init()
	l.streams.init()
	l.tally.role = o.Tally
	if l.dialled && l.ALPN() != proto.EnrolALPN {
		// The control stream is the first that the node opens, whatever its user does before Run.
		s, err := c.OpenStream(context.Background()) // there is room for one: it does not wait
		if err != nil {
			return nil, fmt.Errorf("open control stream: %w", err)
		}
		l.control.opened = s
	}
	return l, nil
}

// ALPN returns the protocol that was agreed on: proto.ALPN or proto.EnrolALPN.
func (l *Link) ALPN() string { return l.TLS().NegotiatedProtocol }

// Peer returns the certificate chain that the peer showed; empty on an enrolment connection.
func (l *Link) Peer() []*x509.Certificate { return l.TLS().PeerCertificates }

// TLS returns the state of the handshake.
func (l *Link) TLS() tls.ConnectionState { return l.carrier.TLS() }

// Remote returns the peer's address now; on the accepting side it changes when the peer migrates.
func (l *Link) Remote() netip.AddrPort { return l.carrier.Remote() }

// Done is closed when the link has ended.
func (l *Link) Done() <-chan struct{} { return l.carrier.Context().Done() }

// Counters returns what has ended on this link, by reason: see Handler.
func (l *Link) Counters() *packet.Counters { return &l.tally.reasons }

// MaxDatagram returns the size in bytes of the largest datagram that travels as one now, and
// whether path MTU discovery has settled: until then the number may still grow and no "packet too
// big" is to be made from it.
func (l *Link) MaxDatagram() (n int, settled bool) {
	return l.carrier.MaxDatagram(), l.carrier.Settled()
}

// Trust says that the peer is known and welcome: its place among the strangers is free again and
// its receive window may grow. On the dialling side it does nothing.
func (l *Link) Trust() { l.carrier.Trust() }

// NetworkChanged tells a dialled link that the network of this host may be another one: an
// interface, an address or a route has come or gone. Where the host now speaks to the peer from
// another address, or could not speak at all before, the link moves at once, and everything on it
// goes on; otherwise nothing happens. It does not block on the network.
func (l *Link) NetworkChanged(ctx context.Context) {
	if !l.carrier.Follow(ctx) {
		return
	}
	l.beat.forget(time.Now(), l.carrier.Stats().PacketsReceived)
	for range 3 { // whichever is first through tells the peer where we are
		l.sendSmall()
	}
}

// Close ends the link and tells the peer why. It waits until that has been sent and, where Run is
// not running, closes the sockets. Later calls do nothing. What is still queued is lost.
func (l *Link) Close(code proto.Code, text string) error {
	err := l.carrier.Close(code, text)
	l.carrier.Release()
	return err
}

// CloseFor is Close with what ended ctx, or would.
func (l *Link) CloseFor(ctx context.Context) error {
	code, text := endCode(ctx)
	return l.Close(code, text)
}

// abort closes the link from one of its own goroutines, without waiting for it.
func (l *Link) abort(code proto.Code, text string) {
	const maxText = 512 // it travels in one packet
	if len(text) > maxText {
		text = text[:maxText]
	}
	_ = l.carrier.Close(code, text)
}
