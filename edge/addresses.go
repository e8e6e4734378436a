package edge

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
)

// checkTaken refuses a hop address that a device has got before it was one.
func (e *Edge) checkTaken() error {
	for _, d := range e.store.Snapshot().Devices { // revoked ones too: policies and captures still name them
		for _, a := range d.Addrs() {
			if slices.Contains(e.hops, a) {
				return badField("hop", fmt.Sprintf("%s is the address of device %s", a, d.ID), "name an address that nobody has")
			}
		}
	}
	return nil
}

// defaultHop4 is the IPv4 dummy address (RFC 7600 §6 and erratum 4430), from which a router that has
// no IPv4 address of its own says errors; Linux does, too. It is nobody's, and it lies outside of
// the shared address space (RFC 6598) that devices have: a neighbour such as Tailscale drops what
// comes from there by other interfaces than its own.
var defaultHop4 = netip.AddrFrom4([4]byte{192, 0, 0, 8})

// lastHost returns the address before the last one of p, which a device gets after all others: the
// default hop address of IPv6.
func lastHost(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().As16()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom16(b).Prev()
}

// advertise returns the addresses that go into tokens.
func (e *Edge) advertise() []string {
	if len(e.cfg.Advertise) > 0 {
		return e.cfg.Advertise
	}
	host, port, err := net.SplitHostPort(e.cfg.Listen)
	if err != nil { // checked by New
		return nil
	}
	if e.listener != nil {
		port = strconv.Itoa(int(e.listener.Addr().Port()))
	}
	if a, err := netip.ParseAddr(host); host != "" && (err != nil || !a.IsUnspecified()) {
		return []string{net.JoinHostPort(host, port)}
	}
	return hostAddrs(port)
}

// hostAddrs returns this host's own addresses with a port, IPv4 first.
func hostAddrs(port string) []string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var v4, v6 []string
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err != nil || !p.Addr().IsGlobalUnicast() {
			continue
		}
		if hp := net.JoinHostPort(p.Addr().String(), port); p.Addr().Is4() {
			v4 = append(v4, hp)
		} else {
			v6 = append(v6, hp)
		}
	}
	return append(v4, v6...)
}
