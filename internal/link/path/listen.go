package path

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/quic-go/quic-go"
	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/link"
)

// Listener accepts links on one UDP socket.
type Listener struct {
	ln   *quic.Listener
	path localPath
	cfg  Config
	// windows is the sum of what the links' windows have beyond freeWindow, in bytes.
	windows atomic.Int64
}

// Listen binds addr, host:port. With an empty Config.ALPN both proto.ALPN and
// proto.EnrolALPN are accepted; see Link.ALPN.
func Listen(addr string, cfg Config) (*Listener, error) {
	ln := &Listener{cfg: cfg}
	s, err := cfg.underlay().Open(context.Background(), "udp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	ln.path.sock = s
	ln.path.tr = &quic.Transport{Conn: ln.path.sock, VerifySourceAddress: cfg.RequireRetry, ConnContext: ln.admit}
	if cfg.ResetKey != nil {
		// A restarted edge answers packets of links it no longer knows with a reset: the node
		// redials at once instead of after its idle time-out.
		key := quic.StatelessResetKey(*cfg.ResetKey)
		ln.path.tr.StatelessResetKey = &key
	}
	q, err := ln.path.tr.Listen(listenTLS(&cfg), ln.listenConfig())
	if err != nil {
		ln.path.close()
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	ln.ln = q
	return ln, nil
}

// logHandshake logs why a node gave up, or was given up, during the
// handshake: such a link never comes out of Accept.
func (ln *Listener) logHandshake(ctx context.Context, info *quic.ClientInfo) {
	h, ok := errors.AsType[*HandshakeError](translate(context.Cause(ctx)))
	if !ok || ln.cfg.Log == nil {
		return
	}
	if _, alert := h.Alert(); alert {
		ln.cfg.Log.Warn("link refused in its handshake", zap.Stringer("remote", info.RemoteAddr), zap.String("reason", h.Error()))
	}
}

// Accept returns the next link whose handshake is complete. The caller must
// Run or Close it. It fails with an error for which errors.Is(err,
// net.ErrClosed) holds after Close.
func (ln *Listener) Accept(ctx context.Context) (*link.Link, error) {
	q, err := ln.ln.Accept(ctx)
	if err != nil {
		if errors.Is(err, quic.ErrServerClosed) {
			err = net.ErrClosed
		}
		return nil, fmt.Errorf("accept link: %w", err)
	}
	return newConn(q, listenerIdle).link(&ln.cfg)
}

// Addr returns the bound address.
func (ln *Listener) Addr() netip.AddrPort { return addrPort(ln.path.sock.LocalAddr()) }

// Close stops accepting and closes the socket. Links that still run lose it
// without a word to their peers: end them first.
func (ln *Listener) Close() error {
	err := ln.ln.Close()
	ln.path.close()
	return err
}
