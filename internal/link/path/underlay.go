package path

import (
	"context"
	"net"
	"net/netip"
)

// Underlay is the network below links: sockets, names and routes of this host. Kernel is the real
// one; a simulation brings its own, as wireguard-go's conn.Bind lets it.
type Underlay interface {
	// Open binds a UDP socket; network is udp, udp4 or udp6. Its user closes it.
	Open(ctx context.Context, network, addr string) (net.PacketConn, error)
	// Resolve returns the addresses of a host. Its questions go the way of the link's own packets:
	// a client that captures its name server has to find its edge all the same.
	Resolve(ctx context.Context, host string) ([]netip.Addr, error)
	// Source returns the address from which this host speaks to remote, the zero address where it
	// has no route. It sends nothing.
	Source(ctx context.Context, remote netip.AddrPort) netip.Addr
	// Rebind prepares a socket of Open for another network that this host has come to.
	Rebind(network string, s net.PacketConn) error
}

// networkTo names the network of sockets toward an address.
func networkTo(a netip.Addr) string {
	if a.Is6() && !a.Is4In6() {
		return "udp6"
	}
	return "udp4"
}

// addrPort converts a UDP address, IPv4-mapped ones to IPv4.
func addrPort(a net.Addr) netip.AddrPort {
	u, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := u.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
