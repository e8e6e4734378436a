package path

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
)

// dialStagger is the head start that one address of a name has over the next
// one, as in RFC 8305 §5.
const dialStagger = 250 * time.Millisecond

// Dial opens a link to addr, host:port. All addresses of the host are tried,
// each a moment after the one before it; the first to finish its handshake
// wins. A name that cannot be resolved is dialled where cfg.Names has it. One attempt takes at
// most 2 s, and 2 s for the name. The caller must Run or Close the link.
func Dial(ctx context.Context, addr string, cfg Config) (*link.Link, error) {
	targets, unresolved := resolve(ctx, addr, &cfg)
	if unresolved != nil {
		at, ok := cfg.Names.last(addr)
		if !ok {
			return nil, fmt.Errorf("dial %s: %w", addr, unresolved)
		}
		targets = []netip.AddrPort{at}
	}
	cfg.Names.tell(ctx, targets)
	c, err := dialAny(ctx, targets, &cfg)
	switch {
	case err != nil && unresolved != nil:
		return nil, fmt.Errorf("dial %s: %w; at its last address: %w", addr, unresolved, err)
	case err != nil:
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	if c.tls.NegotiatedProtocol != proto.EnrolALPN { // there nobody has looked yet who answers
		cfg.Names.answered(addr, c.paths.remote)
	}
	l, err := c.link(&cfg)
	if err != nil {
		_ = c.Close(proto.CodeOK, "")
		c.Release()
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	return l, nil
}

// resolve turns host:port into addresses.
func resolve(ctx context.Context, addr string, cfg *Config) ([]netip.AddrPort, error) {
	if ap, err := netip.ParseAddrPort(addr); err == nil {
		return []netip.AddrPort{ap}, nil
	}
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "udp", service)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	ips, err := cfg.underlay().Resolve(ctx, host)
	if err != nil {
		return nil, adviseName(host, err)
	}
	targets := make([]netip.AddrPort, 0, len(ips))
	for _, ip := range ips {
		targets = append(targets, netip.AddrPortFrom(ip.Unmap(), uint16(port)))
	}
	if len(targets) == 0 {
		return nil, errors.New("no address found")
	}
	return targets, nil
}

// adviseName says what to look at where a name cannot be resolved.
func adviseName(host string, err error) error {
	if no, ok := errors.AsType[*net.DNSError](err); ok && no.IsNotFound {
		return advice.With(err, "is the name "+host+" right, and does this machine's name service know it?")
	}
	return advice.With(err, "is the name service of this machine reachable (/etc/resolv.conf)? An edge can also be named by its address")
}

type dialResult struct {
	conn *conn
	err  error
}

// dialAny races the targets and joins all attempts.
func dialAny(ctx context.Context, targets []netip.AddrPort, cfg *Config) (*conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan dialResult, len(targets))
	next, running := 0, 0
	start := func() {
		target := targets[next]
		next++
		running++
		go func() {
			c, err := dialOne(ctx, target, cfg)
			if err != nil && len(targets) > 1 {
				err = fmt.Errorf("%s: %w", target, err)
			}
			results <- dialResult{c, err}
		}()
	}
	start()
	stagger := time.NewTimer(dialStagger)
	defer stagger.Stop()
	var won *conn
	var errs []error
	for running > 0 {
		select {
		case <-stagger.C:
			if next < len(targets) && won == nil {
				start()
				stagger.Reset(dialStagger)
			}
		case r := <-results:
			running--
			switch {
			case r.err != nil:
				errs = append(errs, r.err)
				if next < len(targets) && won == nil {
					start()
				}
			case won == nil:
				won = r.conn
				cancel() // the others give up
			default:
				r.conn.Release()
			}
		}
	}
	if won == nil {
		return nil, errors.Join(errs...)
	}
	return won, nil
}

// dialOne makes one attempt with a socket of its own.
func dialOne(ctx context.Context, target netip.AddrPort, cfg *Config) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	u := cfg.underlay()
	p, err := openPath(ctx, u, target)
	if err != nil {
		return nil, err
	}
	q, err := p.tr.Dial(ctx, net.UDPAddrFromAddrPort(target), dialTLS(cfg), dialConfig(cfg))
	if err != nil {
		p.close()
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || isHandshakeTimeout(err) {
			err = &NoAnswerError{Target: target, After: dialTimeout}
		}
		return nil, translate(err)
	}
	c := newConn(q, idleTimeout(cfg.keepAlive()))
	c.paths = &paths{quic: q, net: u, remote: target, log: cfg.log(), path: p, source: u.Source(ctx, target)}
	return c, nil
}
