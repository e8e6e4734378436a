package link

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/proto"
)

// maxMoves is how many of a link's spare paths changes of network may use up; the rest is for black holes.
const maxMoves = maxRetired / 2

// NetworkChanged tells a dialled link that the network of this host may be another one: an interface, an address or a route
// has come or gone. Where the host now speaks to the peer from another address, or could not speak at all before, the link
// moves at once, and everything on it goes on; otherwise nothing happens. It does not block on the network.
//
// The sockets are bound to no address, so that a packet leaves by today's route whatever happens here. What remains is that
// the peer does not know until it hears something, that quic-go waits ever longer for what it believes to be
// lost (RFC 9002 §6.2.1), and that the new path may be narrower: a switch to the spare socket starts anew with all of it.
func (l *Link) NetworkChanged(ctx context.Context) {
	if !l.dialled || l.cfg.Socket != nil {
		return
	}
	source := findSource(ctx, l.remote, l.cfg)
	l.pathMu.Lock()
	old := l.source
	l.source = source
	l.pathMu.Unlock()
	if source == old || !source.IsValid() {
		return
	}
	l.rebind()
	now := time.Now()
	moved := l.move()
	if moved {
		l.mtu.restart(now)
	}
	l.beat.forget(now)
	l.log.Info("the network changed", zap.Stringer("from", old), zap.Stringer("to", source), zap.Bool("fresh", moved))
	for range 3 { // whichever is first through tells the peer where we are
		l.sendHeartbeat(proto.Heartbeat{Nonce: smallNonce}, smallBeat)
	}
}

// findSource returns the address from which this host speaks to remote, the zero address when it has no route.
func findSource(ctx context.Context, remote netip.AddrPort, cfg *Config) netip.Addr {
	d := net.Dialer{Control: cfg.Control}
	c, err := d.DialContext(ctx, "udp", remote.String()) // sends nothing
	if err != nil {
		return netip.Addr{}
	}
	defer func() { _ = c.Close() }()
	return addrPort(c.LocalAddr()).Addr()
}

// rebind applies Control again, which on some systems ties a socket to the interface that has the default route.
func (l *Link) rebind() {
	if l.cfg.Control == nil {
		return
	}
	l.pathMu.Lock()
	defer l.pathMu.Unlock()
	for _, p := range append([]*localPath{l.path, l.spare, l.unheard}, l.retired...) {
		if p == nil {
			continue
		}
		s, ok := p.sock.(*socket)
		if !ok {
			continue
		}
		raw, err := s.SyscallConn()
		if err == nil {
			err = l.cfg.Control(p.network, "", raw)
		}
		if err != nil {
			l.log.Debug("cannot tie a socket to the new network", zap.Error(err))
		}
	}
}

// move switches to the spare path while there is one to spend, else to the one that was left longest ago, whose
// validation holds (quic-go: Path.Switch). It reports whether it did.
func (l *Link) move() bool {
	l.pathMu.Lock()
	defer l.pathMu.Unlock()
	if l.gone {
		return false
	}
	if l.spare != nil && len(l.retired) < maxMoves {
		if l.use(l.spare) != nil {
			return false
		}
		l.spare = nil
		return true
	}
	i := slices.IndexFunc(l.retired, func(p *localPath) bool { return p.path != nil })
	if i < 0 || l.use(l.retired[i]) != nil {
		return false
	}
	l.retired = slices.Delete(l.retired, i, i+1)
	return true
}
