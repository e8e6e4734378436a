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

// lastHost returns the highest address of p that a device may not get before
// all others: the default hop address.
func lastHost(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a.Prev() // the last one of IPv4 is broadcast
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
