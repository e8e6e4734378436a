package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/oneping/oneping/proto"
)

// dialStagger is the head start that one address of a name has over the next
// one, as in RFC 8305 §5.
const dialStagger = 250 * time.Millisecond

// Dial opens a link to addr, host:port. All addresses of the host are tried,
// each a moment after the one before it; the first to finish its handshake
// wins. A name that cannot be resolved is dialled where cfg.Names has it. One attempt takes at
// most 2 s, and 2 s for the name. The caller must Run or Close the link.
func Dial(ctx context.Context, addr string, cfg Config) (*Link, error) {
	targets, unresolved := resolve(ctx, addr, &cfg)
	if unresolved != nil {
		at, ok := cfg.Names.last(addr)
		if !ok {
			return nil, fmt.Errorf("dial %s: %w", addr, unresolved)
		}
		targets = []netip.AddrPort{at}
	}
	if cfg.Socket != nil {
		targets = targets[:1] // one socket, one transport
	}
	l, err := dialAny(ctx, targets, &cfg)
	switch {
	case err != nil && unresolved != nil:
		return nil, fmt.Errorf("dial %s: %w; at its last address: %w", addr, unresolved, err)
	case err != nil:
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	if l.ALPN() != proto.EnrolALPN { // there nobody has looked yet who answers
		cfg.Names.answered(addr, l.remote)
	}
	return l, nil
}

// resolve turns host:port into addresses. Where Go itself asks the name servers (Linux), the questions go the way of the
// link's own packets: a client that captures its name server has to find its edge all the same.
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
	resolver := &net.Resolver{Dial: (&net.Dialer{Control: cfg.Control}).DialContext}
	ips, err := resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
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

type dialResult struct {
	link *Link
	err  error
}

// dialAny races the targets and joins all attempts.
func dialAny(ctx context.Context, targets []netip.AddrPort, cfg *Config) (*Link, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan dialResult, len(targets))
	next, running := 0, 0
	start := func() {
		target := targets[next]
		next++
		running++
		go func() {
			l, err := dialOne(ctx, target, cfg)
			if err != nil && len(targets) > 1 {
				err = fmt.Errorf("%s: %w", target, err)
			}
			results <- dialResult{l, err}
		}()
	}
	start()
	stagger := time.NewTimer(dialStagger)
	defer stagger.Stop()
	var won *Link
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
				won = r.link
				cancel() // the others give up
			default:
				r.link.release()
			}
		}
	}
	if won == nil {
		return nil, errors.Join(errs...)
	}
	return won, nil
}

// dialOne makes one attempt with a socket of its own.
func dialOne(ctx context.Context, target netip.AddrPort, cfg *Config) (*Link, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	p, err := openPath(ctx, target, cfg)
	if err != nil {
		return nil, err
	}
	conn, err := p.tr.Dial(ctx, net.UDPAddrFromAddrPort(target), dialTLS(cfg), dialConfig(cfg))
	if err != nil {
		p.close()
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || isHandshakeTimeout(err) {
			err = &NoAnswerError{Target: target, After: dialTimeout}
		}
		return nil, translate(err)
	}
	l := newLink(conn, cfg)
	l.dialled = true
	l.remote = target
	if l.ALPN() != proto.EnrolALPN {
		// The control stream is the first that the node opens, whatever its user does before Run.
		if l.control.opened, err = conn.OpenStream(); err != nil {
			_ = conn.CloseWithError(0, "")
			p.close()
			return nil, translate(err)
		}
	}
	l.idle = idleTimeout(cfg.keepAlive())
	l.path = p
	if cfg.Socket == nil {
		l.source = findSource(ctx, target, cfg)
	}
	return l, nil
}

// localPath is a socket of the dialling side with its transport.
type localPath struct {
	tr      *quic.Transport
	sock    net.PacketConn
	own     bool   // sock is ours to close
	network string // udp4 or udp6
	// path is quic-go's name for it once the peer has validated it; nil on the path that the handshake took.
	path *quic.Path
}

// openPath opens a socket toward target.
func openPath(ctx context.Context, target netip.AddrPort, cfg *Config) (*localPath, error) {
	if cfg.Socket != nil {
		return &localPath{tr: &quic.Transport{Conn: cfg.Socket}, sock: cfg.Socket}, nil
	}
	network := "udp4"
	if target.Addr().Is6() && !target.Addr().Is4In6() {
		network = "udp6"
	}
	s, err := listenSocket(ctx, network, ":0", cfg.Control)
	if err != nil {
		return nil, err
	}
	return &localPath{tr: &quic.Transport{Conn: s}, sock: s, own: true, network: network}, nil
}

// close ends the transport and its socket. Connections on it must have ended.
func (p *localPath) close() {
	_ = p.tr.Close()
	if p.own {
		_ = p.sock.Close()
	}
}
