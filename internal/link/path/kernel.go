package path

import (
	"context"
	"net"
	"net/netip"
	"syscall"
)

// Kernel is the underlay of this host.
type Kernel struct {
	// Control is applied to each socket before it is bound: firewall mark, interface. May be nil.
	Control func(network, address string, c syscall.RawConn) error
}

// Open implements Underlay. Send errors of its sockets that may be gone at the next packet look
// like loss: see socket.
func (k Kernel) Open(ctx context.Context, network, addr string) (net.PacketConn, error) {
	return listenSocket(ctx, network, addr, k.Control)
}

// Resolve implements Underlay. Where Go itself asks the name servers (Linux), Control is applied to
// these sockets, too.
func (k Kernel) Resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	resolver := &net.Resolver{Dial: (&net.Dialer{Control: k.Control}).DialContext}
	return resolver.LookupNetIP(ctx, "ip", host)
}

// Source implements Underlay.
func (k Kernel) Source(ctx context.Context, remote netip.AddrPort) netip.Addr {
	d := net.Dialer{Control: k.Control}
	c, err := d.DialContext(ctx, "udp", remote.String()) // sends nothing
	if err != nil {
		return netip.Addr{}
	}
	defer func() { _ = c.Close() }()
	return addrPort(c.LocalAddr()).Addr()
}

// Rebind implements Underlay: it applies Control again, which on some systems ties a socket to the
// interface that has the default route.
func (k Kernel) Rebind(network string, s net.PacketConn) error {
	own, ok := s.(*socket)
	if !ok || k.Control == nil {
		return nil
	}
	raw, err := own.SyscallConn()
	if err != nil {
		return err
	}
	return k.Control(network, "", raw)
}
