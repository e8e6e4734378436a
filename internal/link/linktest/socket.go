package linktest

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
)

// Socket is the underlay of a simulated host: it has one socket and no names, and keeps its
// address. Close of what Open returns only gives the socket back.
type Socket struct {
	net.PacketConn

	mu    sync.Mutex
	taken bool
}

// Open implements path.Underlay.
func (s *Socket) Open(context.Context, string, string) (net.PacketConn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken {
		return nil, errors.New("no second socket")
	}
	s.taken = true
	return &lent{PacketConn: s.PacketConn, of: s}, nil
}

// Resolve implements path.Underlay.
func (s *Socket) Resolve(context.Context, string) ([]netip.Addr, error) {
	return nil, errors.New("no names")
}

// Source implements path.Underlay.
func (s *Socket) Source(context.Context, netip.AddrPort) netip.Addr {
	return s.LocalAddr().(*net.UDPAddr).AddrPort().Addr()
}

// Rebind implements path.Underlay.
func (s *Socket) Rebind(string, net.PacketConn) error { return nil }

// lent is the socket while somebody has it.
type lent struct {
	net.PacketConn
	of *Socket
}

// Close gives it back.
func (l *lent) Close() error {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	l.of.taken = false
	return nil
}
