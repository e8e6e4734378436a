package path

import (
	"crypto/tls"

	"github.com/oneping/oneping/proto"
)

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
