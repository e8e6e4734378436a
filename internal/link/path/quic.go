package path

import (
	"time"

	"github.com/quic-go/quic-go"

	"github.com/oneping/oneping/internal/link"
)

const (
	// dialTimeout bounds one attempt on one address. quic-go repeats its first packet after 0.2,
	// 0.6 and 1.4 s; with Redial's pauses the next attempt comes soon enough for a node to be back
	// within two seconds of its edge listening.
	dialTimeout = 2 * time.Second
	// handshakeTimeout is how long an edge waits for a silent handshake.
	handshakeTimeout = 3 * time.Second
	// strangerWindow is how much a peer that nobody knows yet may send unread, in bytes over all
	// streams: QUIC's windows are told in the handshake, before the certificate is seen. quic-go
	// keeps some 150 bytes for a frame of one byte, so that it may cost 2.4 MB.
	strangerWindow = 16 << 10
	// freeWindow is what the window of a link that is trusted grows to whatever the others have.
	freeWindow = 128 << 10
	// maxWindow is what it grows to on the accepting side while everything is read as fast as it
	// comes: the bandwidth-delay product of 1 Gbit/s over half a second. quic-go never makes it
	// smaller again.
	maxWindow = 64 << 20
	// defaultWindows bounds the windows of all links together.
	defaultWindows = 256 << 20
	// dialStream and dialWindow are the windows of the dialling side, which trusts its edge. They
	// are fixed: auto-tuning costs the first seconds of every transfer.
	dialStream = 16 << 20
	dialWindow = 32 << 20
	// listenerIdle is the idle time-out that an edge allows: the smaller one of both ends holds, so
	// the node decides how soon it gives a link up itself. When the edge does is its own to say: it
	// asks every listenerAsks, and link.Link ends one on which nothing is heard.
	listenerIdle = 65 * time.Second
	listenerAsks = 5 * time.Second
)

// idleTimeout is how long nothing is heard before a link ends: four keep-alives
// may be lost.
func idleTimeout(keepAlive time.Duration) time.Duration { return 4*keepAlive + time.Second }

// quicConfig is what both ends share.
func quicConfig() *quic.Config {
	return &quic.Config{
		// quic-go's default, 1280, does not pass an underlay of MTU 1280 and is tried for 5 s. A
		// path switch starts here again.
		InitialPacketSize: 1200,
		EnableDatagrams:   true,

		MaxIncomingStreams:    link.MaxStreams,
		MaxIncomingUniStreams: link.MaxUniStreams,
		HandshakeIdleTimeout:  handshakeTimeout,
	}
}

// dialConfig is the node's: it decides how lively the link is.
func dialConfig(cfg *Config) *quic.Config {
	q := quicConfig()
	q.KeepAlivePeriod = cfg.keepAlive()
	q.MaxIdleTimeout = idleTimeout(cfg.keepAlive())
	q.MaxIncomingStreams = link.MaxEdgeStreams
	q.InitialStreamReceiveWindow, q.MaxStreamReceiveWindow = dialStream, dialStream
	q.InitialConnectionReceiveWindow, q.MaxConnectionReceiveWindow = dialWindow, dialWindow
	return q
}

// listenConfig is the edge's. It offers a long idle time-out, so that the
// node's holds. quic-go keeps alive at half of the agreed time-out at the
// latest: a node whose own packets are all lost (too large for the path) still
// hears the edge, which is how a black hole differs from a dead peer.
func (ln *Listener) listenConfig() *quic.Config {
	q := quicConfig()
	q.MaxIdleTimeout = listenerIdle
	q.KeepAlivePeriod = listenerAsks
	if ln.cfg.KeepAlive > 0 {
		q.KeepAlivePeriod = ln.cfg.KeepAlive
	}
	// What a stream may hold is what the connection may: only that one counts, and grows.
	q.InitialStreamReceiveWindow, q.MaxStreamReceiveWindow = maxWindow, maxWindow
	q.InitialConnectionReceiveWindow = strangerWindow
	q.MaxConnectionReceiveWindow = min(max(ln.budget()/4, freeWindow), maxWindow)
	q.AllowConnectionWindowIncrease = ln.grow
	q.RequireStreamCreditRelease = true // whoever enrols has its streams, and no others in their place
	return q
}
