package path

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/quic-go/quic-go"
	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
)

// conn carries a link over QUIC: it is its link.Carrier.
type conn struct {
	quic  *quic.Conn
	tls   tls.ConnectionState
	idle  time.Duration // how long nothing is heard before it ends
	mtu   mtuTracker
	poll  *poll
	paths *paths // nil on the accepting side, whose path the peer chooses
}

func newConn(q *quic.Conn, idle time.Duration) *conn {
	// quic-go's ConnectionState, and on the dialling side RemoteAddr and LocalAddr, read without a
	// lock what a path switch writes: they are not called after this.
	c := &conn{quic: q, idle: idle, tls: q.ConnectionState().TLS, poll: newPoll()}
	c.mtu.restart(time.Now())
	c.Measure()
	return c
}

// link returns the link that c carries.
func (c *conn) link(cfg *Config) (*link.Link, error) {
	return link.New(c, link.Options{
		Dialled: c.paths != nil, KeepAlive: cfg.keepAlive(), Tally: cfg.Tally, Log: cfg.log(),
	})
}

// TLS implements link.Carrier.
func (c *conn) TLS() tls.ConnectionState { return c.tls }

// Context implements link.Carrier.
func (c *conn) Context() context.Context { return c.quic.Context() }

// Err implements link.Carrier.
func (c *conn) Err() error {
	err := context.Cause(c.quic.Context())
	if err == nil {
		return link.ErrClosed
	}
	if _, ok := errors.AsType[*quic.IdleTimeoutError](err); ok {
		return fmt.Errorf("nothing heard for %s: %w", c.idle, err)
	}
	return translate(err)
}

// Close implements link.Carrier.
func (c *conn) Close(code proto.Code, text string) error {
	return c.quic.CloseWithError(quic.ApplicationErrorCode(code), text)
}

// Release implements link.Carrier.
func (c *conn) Release() {
	if c.paths == nil {
		return
	}
	all := c.paths.release()
	if len(all) > 0 {
		_ = c.quic.CloseWithError(0, "") // with all others it ends by itself
	}
	for _, p := range all {
		p.close()
	}
}

// Trust implements link.Carrier.
func (c *conn) Trust() {
	if v, ok := c.quic.Context().Value(visitorKey{}).(*visitor); ok {
		v.trusted.Store(true)
		v.leave()
	}
}

// Stats implements link.Carrier.
func (c *conn) Stats() link.CarrierStats {
	s := c.quic.ConnectionStats()
	return link.CarrierStats{
		RTT: s.SmoothedRTT, MinRTT: s.MinRTT, PacketsReceived: s.PacketsReceived,
		BytesReceived: s.BytesReceived, BytesSent: s.BytesSent,
	}
}

// Remote implements link.Carrier: on the accepting side it changes when the peer migrates.
func (c *conn) Remote() netip.AddrPort {
	if c.paths != nil {
		return c.paths.remote
	}
	return addrPort(c.quic.RemoteAddr())
}

// Local implements link.Carrier.
func (c *conn) Local() netip.AddrPort {
	if c.paths != nil {
		return c.paths.local()
	}
	return addrPort(c.quic.LocalAddr())
}

// Keep implements link.Carrier.
func (c *conn) Keep(ctx context.Context) {
	if c.paths != nil {
		c.paths.keepSpare(ctx)
	}
}

// Switch implements link.Carrier.
func (c *conn) Switch(ctx context.Context) error {
	if c.paths == nil {
		return errors.New("switch path: the peer chooses it")
	}
	if err := c.paths.switchPath(ctx); err != nil {
		return err
	}
	c.mtu.restart(time.Now())
	return nil
}

// Follow implements link.Carrier.
//
// The sockets are bound to no address, so that a packet leaves by today's route whatever happens
// here. What remains is that the peer does not know until it hears something, that quic-go waits
// ever longer for what it believes to be lost (RFC 9002 §6.2.1), and that the new path may be
// narrower: a switch to the spare socket starts anew with all of it.
func (c *conn) Follow(ctx context.Context) bool {
	if c.paths == nil {
		return false
	}
	old, now, changed := c.paths.sourceNow(ctx)
	if !changed {
		return false
	}
	c.paths.rebind()
	fresh := c.paths.move()
	if fresh {
		c.mtu.restart(time.Now())
	}
	c.paths.log.Info("the network changed", zap.Stringer("from", old), zap.Stringer("to", now), zap.Bool("fresh", fresh))
	return true
}

// Again implements link.Carrier.
func (c *conn) Again() {
	if c.paths == nil || !c.paths.again() {
		return
	}
	c.mtu.restart(time.Now())
	c.paths.log.Debug("began anew on the path in use")
}
