package edge

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"
)

// chooseHops decides from which addresses this edge answers as a router, and keeps them from the
// devices.
func (e *Edge) chooseHops(ctx context.Context) error {
	plan, err := e.store.EnsurePlan(ctx)
	if err != nil {
		return fmt.Errorf("choose hop addresses: %w", err)
	}
	e.warnIgnored(e.store.Snapshot())
	e.hops = e.hopsWith(func() netip.Addr { return e.freeHop(plan.Prefix6) })
	e.store.Reserve(e.hops)
	return e.checkTaken()
}

// hopsWith returns the hop addresses, IPv4 first: those that are configured, and the default of a
// family that has none. A family without a hop would be one without words: denials in it were silence,
// and the edge a line of stars.
func (e *Edge) hopsWith(default6 func() netip.Addr) []netip.Addr {
	hops := make([]netip.Addr, maxHops)
	for _, a := range e.cfg.Hops {
		if a.Is4() {
			hops[0] = a
		} else {
			hops[1] = a
		}
	}
	if !hops[0].IsValid() {
		hops[0] = defaultHop4
	}
	if !hops[1].IsValid() {
		hops[1] = default6()
	}
	return hops
}

// deviceOf returns whose the addresses are that devices have. A revoked device has none in this
// respect: nothing reaches it.
func (e *Edge) deviceOf() map[netip.Addr]string {
	out := make(map[netip.Addr]string)
	for _, d := range e.store.Snapshot().Devices {
		if d.Revoked {
			continue
		}
		for _, a := range d.Addrs() {
			out[a] = d.ID
		}
	}
	return out
}

// freeHop returns the last address of p that no device has: an edge before this one may have given
// the very last away.
func (e *Edge) freeHop(p netip.Prefix) netip.Addr {
	taken, last := e.deviceOf(), lastHost(p)
	for a := last; p.Contains(a); a = a.Prev() {
		if taken[a] == "" && a != p.Addr() {
			return a
		}
	}
	return last
}

// checkTaken refuses a hop address that a device has got before it was one.
func (e *Edge) checkTaken() error {
	taken := e.deviceOf()
	for _, a := range e.hops {
		if id := taken[a]; id != "" {
			return badField("hops", fmt.Sprintf("%s is the address of device %s", a, id),
				"name an address that nobody has; or start with another one, revoke the device (oneping device revoke "+id+") and let it enrol anew")
		}
	}
	return nil
}

// addressRest returns for how long a revoked device's addresses go to nobody else: until no session
// of it is left anywhere.
func addressRest(idle uint16) time.Duration {
	return max(time.Hour, time.Duration(idle)*time.Second+time.Minute)
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
