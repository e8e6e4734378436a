package host

import (
	"net"
	"net/netip"
)

// Routes is what a machine's kernel says about its networks: that of Kernel, or of a simulation.
type Routes interface {
	// Source returns the address from which the machine speaks to dst, or why there is no way, as
	// connect(2) says it.
	Source(dst netip.Addr) (netip.Addr, error)
	// Networks returns the prefixes to which the machine is attached, each with the machine's own
	// address in it.
	Networks() []netip.Prefix
}

// Kernel is Routes of this machine.
type Kernel struct{}

// Source connects a UDP socket, which sends nothing, and looks where it is. The port says nothing
// here: 9 is discard.
func (Kernel) Source(dst netip.Addr) (netip.Addr, error) {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(dst, 9)))
	if err != nil {
		return netip.Addr{}, err
	}
	defer func() { _ = c.Close() }() // nothing was sent
	ap, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}, net.InvalidAddrError("no UDP address")
	}
	return ap.AddrPort().Addr().Unmap(), nil
}

// Networks asks the interfaces; none where they cannot be asked.
func (Kernel) Networks() []netip.Prefix {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	all := make([]netip.Prefix, 0, len(addrs))
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			if addr, ok := netip.AddrFromSlice(n.IP); ok {
				ones, _ := n.Mask.Size()
				all = append(all, netip.PrefixFrom(addr.Unmap(), ones))
			}
		}
	}
	return all
}

// Global returns a global address of one family that the machine has, if it has one.
func Global(r Routes, v4 bool) (netip.Addr, bool) {
	for _, n := range r.Networks() {
		if a := n.Addr(); a.Is4() == v4 && a.IsGlobalUnicast() {
			return a, true
		}
	}
	return netip.Addr{}, false
}

func within(ps []netip.Prefix, a netip.Addr) bool {
	for _, p := range ps {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// isBroadcast says whether dst is the last address of one of the networks, which has more than two
// (RFC 3021).
func isBroadcast(networks []netip.Prefix, dst netip.Addr) bool {
	for _, n := range networks {
		if dst.Is4() && n.Bits() < 31 && n.Contains(dst) && !n.Contains(dst.Next()) {
			return true
		}
	}
	return false
}
