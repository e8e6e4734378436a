package path

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/link"
)

// maxRetired bounds the sockets that a link has left behind: quic-go ends a connection with any of
// its transports.
const maxRetired = 8

// paths are the sockets of a dialled connection. It switches between them while its peer, which
// sees its packets come from another address, starts anew at the smallest size.
//
//	open ──the peer validates it──▶ spare ──switch──▶ in use ──switch──▶ retired
//	  └────not heard────▶ unheard ──tried again──▲       ▲──another network──┘
//
// All are released together, when the connection has ended.
type paths struct {
	quic   *quic.Conn
	net    Underlay
	remote netip.AddrPort
	log    *zap.Logger

	mu      sync.Mutex // innermost but for quic-go's own locks
	path    *localPath // in use
	retired []*localPath
	spare   *localPath // validated by the peer and not in use
	unheard *localPath // a socket whose path the peer did not validate
	source  netip.Addr // from which the host speaks to the peer; zero: it has no route
	gone    bool       // released: no new paths
	// spareAfter is when the next spare may be made.
	spareAfter time.Time
	sparePause time.Duration // after the attempt that failed last; 0 = none did
}

// localPath is a socket of the dialling side with its transport.
type localPath struct {
	tr      *quic.Transport
	sock    net.PacketConn
	network string // udp4 or udp6
	// path is quic-go's name for it once the peer has validated it; nil on the path that the
	// handshake took.
	path *quic.Path
}

// openPath opens a socket toward target.
func openPath(ctx context.Context, u Underlay, target netip.AddrPort) (*localPath, error) {
	network := networkTo(target.Addr())
	s, err := u.Open(ctx, network, ":0")
	if err != nil {
		return nil, err
	}
	return &localPath{tr: &quic.Transport{Conn: s}, sock: s, network: network}, nil
}

// close ends the transport and its socket. Connections on it must have ended.
func (p *localPath) close() {
	_ = p.tr.Close()
	_ = p.sock.Close()
}

// local returns the address of the socket in use.
func (ps *paths) local() netip.AddrPort {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.path == nil {
		return netip.AddrPort{}
	}
	return addrPort(ps.path.sock.LocalAddr())
}

// release returns all paths, for the last time: there will be no more.
func (ps *paths) release() []*localPath {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	all := ps.retired
	for _, p := range []*localPath{ps.path, ps.spare, ps.unheard} {
		if p != nil {
			all = append(all, p)
		}
	}
	ps.path, ps.retired, ps.spare, ps.unheard, ps.gone = nil, nil, nil, nil, true
	return all
}

// switchPath moves the connection to the spare path, or to one that is made
// now, and retires the socket in use.
func (ps *paths) switchPath(ctx context.Context) error {
	if !ps.hasSpare() {
		ctx, cancel := context.WithTimeout(ctx, probePatience)
		defer cancel()
		if err := ps.armSpare(ctx); err != nil {
			return err
		}
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.gone || ps.spare == nil {
		return link.ErrClosed
	}
	if len(ps.retired) >= maxRetired {
		return fmt.Errorf("switch path: done %d times on this link", maxRetired)
	}
	if err := ps.use(ps.spare); err != nil {
		return err
	}
	ps.spare = nil
	return nil
}

// use switches to a path that the peer has validated. The caller holds mu.
func (ps *paths) use(p *localPath) error {
	if err := p.path.Switch(); err != nil {
		return fmt.Errorf("switch path: %w", err)
	}
	ps.retired = append(ps.retired, ps.path)
	ps.path = p
	ps.spareWorked(time.Now())
	return nil
}
