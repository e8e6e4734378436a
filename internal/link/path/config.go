package path

import (
	"crypto/tls"
	"net"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto/packet"
)

// Config is how links are dialled and accepted.
type Config struct {
	TLS       *tls.Config   // with certificates and verification; NextProtos is set by this package
	ALPN      string        // proto.ALPN when empty
	KeepAlive time.Duration // 0 = 1 s; on a listener 0 = what the dialling side chose
	// ResetKey is the stateless reset key (RFC 9000 §10.3), derived from a secret that survives
	// restarts. Listener only.
	ResetKey *[32]byte
	// RequireRetry says whether an unverified address must prove itself first (RFC 9000 §8.1.2).
	// Listener only; may be nil.
	RequireRetry func(remote net.Addr) bool
	// Admit is asked before a handshake begins. Listener only; nil lets everybody in.
	Admit Admission
	// Grow says whether the receive window of a link that is trusted (link.Link.Trust) may grow
	// now: there is memory for it. It is called with locks of quic-go held and must not block.
	// Listener only; may be nil.
	Grow func() bool
	// Windows bounds the receive windows of all links together, in bytes, the first 128 KiB of each
	// not counted; one link may have a quarter. Listener only; 0 = 256 MiB.
	Windows uint64
	// Underlay is the network below; nil = Kernel{}, this host's.
	Underlay Underlay
	// Names remembers where the peers were that are dialled by name; may be nil.
	Names *Names
	// Tally is where the role counts packets, which the link joins in: see link.Handler. May be
	// nil.
	Tally *packet.Counters
	Log   *zap.Logger
}

// keepAlive returns the configured period.
func (c *Config) keepAlive() time.Duration {
	if c.KeepAlive > 0 {
		return c.KeepAlive
	}
	return link.DefaultKeepAlive
}

// underlay returns the configured one.
func (c *Config) underlay() Underlay {
	if c.Underlay != nil {
		return c.Underlay
	}
	return Kernel{}
}

// log returns the configured logger.
func (c *Config) log() *zap.Logger {
	if c.Log != nil {
		return c.Log
	}
	return zap.NewNop()
}
