package link

import (
	"crypto/tls"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/oneping/oneping/proto"
)

const (
	defaultKeepAlive = time.Second
	// dialTimeout bounds one attempt on one address. quic-go repeats its first packet after 0.2, 0.6 and 1.4 s; with
	// Redial's pauses the next attempt comes soon enough for a node to be back within two seconds of its edge listening.
	dialTimeout = 2 * time.Second
	// handshakeTimeout is how long an edge waits for a silent handshake.
	handshakeTimeout = 3 * time.Second
	// maxStreams bounds the streams that a node has open at a time. An edge may open four times as many: on a
	// connector's link those are the flows of all devices, and no device may take up what the others need.
	maxStreams     = 4096
	maxEdgeStreams = 4 * maxStreams
	// maxUniStreams: one oversize stream, and room for its successors while old ones are reset.
	maxUniStreams = 16
	// strangerWindow is how much a peer that nobody knows yet may send unread, in bytes over all streams: QUIC's windows
	// are told in the handshake, before the certificate is seen. quic-go keeps some 150 bytes for a frame of one byte, so
	// that it may cost 2.4 MB.
	strangerWindow = 16 << 10
	// freeWindow is what the window of a link that is trusted grows to whatever the others have.
	freeWindow = 128 << 10
	// maxWindow is what it grows to on the accepting side while everything is read as fast as it comes: the
	// bandwidth-delay product of 1 Gbit/s over half a second. quic-go never makes it smaller again.
	maxWindow = 64 << 20
	// defaultWindows bounds the windows of all links together.
	defaultWindows = 256 << 20
	// dialStream and dialWindow are the windows of the dialling side, which trusts its edge. They are fixed:
	// auto-tuning costs the first seconds of every transfer.
	dialStream = 16 << 20
	dialWindow = 32 << 20
	// listenerIdle is the idle time-out that an edge allows: the smaller one of both ends holds, so the node decides.
	listenerIdle = 65 * time.Second
)

// idleTimeout is how long nothing is heard before a link ends: four keep-alives
// may be lost.
func idleTimeout(keepAlive time.Duration) time.Duration { return 4*keepAlive + time.Second }

// keepAlive returns the configured period.
func (c *Config) keepAlive() time.Duration {
	if c.KeepAlive > 0 {
		return c.KeepAlive
	}
	return defaultKeepAlive
}

// quicConfig is what both ends share.
func quicConfig() *quic.Config {
	return &quic.Config{
		// quic-go's default, 1280, does not pass an underlay of MTU 1280 and is tried for 5 s. A path switch starts here again.
		InitialPacketSize: 1200,
		EnableDatagrams:   true,

		MaxIncomingStreams:    maxStreams,
		MaxIncomingUniStreams: maxUniStreams,
		HandshakeIdleTimeout:  handshakeTimeout,
	}
}

// dialConfig is the node's: it decides how lively the link is.
func dialConfig(cfg *Config) *quic.Config {
	q := quicConfig()
	q.KeepAlivePeriod = cfg.keepAlive()
	q.MaxIdleTimeout = idleTimeout(cfg.keepAlive())
	q.MaxIncomingStreams = maxEdgeStreams
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
	q.KeepAlivePeriod = listenerIdle / 2
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

// dialTLS completes the caller's TLS configuration.
func dialTLS(cfg *Config) *tls.Config {
	t := &tls.Config{}
	if cfg.TLS != nil {
		t = cfg.TLS.Clone()
	}
	alpn := cfg.ALPN
	if alpn == "" {
		alpn = proto.ALPN
	}
	t.NextProtos = []string{alpn}
	t.MinVersion = tls.VersionTLS13
	if t.ServerName == "" {
		t.ServerName = proto.EdgeName
	}
	return t
}

// listenTLS completes the caller's TLS configuration, and the one that its
// GetConfigForClient returns.
func listenTLS(cfg *Config) *tls.Config {
	t := &tls.Config{}
	if cfg.TLS != nil {
		t = cfg.TLS.Clone()
	}
	protos := []string{proto.ALPN, proto.EnrolALPN}
	if cfg.ALPN != "" {
		protos = []string{cfg.ALPN}
	}
	complete := func(t *tls.Config) {
		t.NextProtos = protos
		t.MinVersion = tls.VersionTLS13
		// A resumed session skips the check of the certificate, and with it revocation.
		t.SessionTicketsDisabled = true
	}
	complete(t)
	if inner := t.GetConfigForClient; inner != nil {
		t.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			c, err := inner(h)
			if err != nil || c == nil {
				return c, err
			}
			c = c.Clone()
			complete(c)
			return c, nil
		}
	}
	return t
}
