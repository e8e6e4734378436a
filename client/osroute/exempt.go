package osroute

import (
	"fmt"
	"net/netip"
	"slices"
)

// This file decides what stays with the host although a capture covers it. It is pure and the
// same for every system.
//
// The longest prefix decides. A directly connected prefix stays only where it is more specific
// than every capture that covers it; one that is as long as a capture, or shorter, loses against
// it: a prefix of another network comes from whoever answers DHCP there, and must not take more
// off the tunnel than its own (LocalNet, CVE-2023-36672). Captures within a connected prefix are
// more specific than it, and win. With [Config.DenyLAN] no connected prefix stays.
//
// The gateways of the way to the edge stay in any case, each as the one address that it is: the
// host would not answer their ARP requests under a strict rp_filter. The edge itself stays for UDP
// to its port alone (Linux: rules.go; elsewhere the link's sockets are bound), so that a forged
// answer of a name service takes nothing else out of the tunnel (ServerIP, CVE-2023-36673).

// onlink is a directly connected prefix of another interface.
type onlink struct {
	prefix netip.Prefix
	device string
}

// gatewayRoute is a route of the host by way of a router.
type gatewayRoute struct {
	dst    netip.Prefix
	device string
	via    netip.Addr
}

// exemption is what stays with the host although a capture covers it.
type exemption struct {
	prefix netip.Prefix
	least  int // bits of the connected prefix that it belongs to: routes of the host that are shorter do not count
}

// exemptions returns what of the connected prefixes, and which gateways, stay with the host.
func exemptions(cfg Config, connected []onlink, gateways []netip.Addr) []exemption {
	captures := newCover(captured(cfg))
	var out []exemption
	if !cfg.DenyLAN {
		for _, c := range connected {
			if outer, ok := captures.longest(c.prefix); ok && outer.Bits() < c.prefix.Bits() {
				out = append(out, exemption{prefix: c.prefix, least: c.prefix.Bits()})
			}
		}
	}
	stay := newCover(nil)
	for _, e := range out {
		stay.add(e.prefix)
	}
	for _, g := range gateways {
		one := host(g)
		outer, ok := captures.longest(one)
		if !ok || outer == one {
			continue
		}
		if e, ok := stay.longest(one); ok && e.Bits() > outer.Bits() {
			continue // stays with its network
		}
		if c, ok := longestOnlink(connected, one); ok {
			out = append(out, exemption{prefix: one, least: c.prefix.Bits()})
			stay.add(one)
		}
	}
	return out
}

// underlayGateways returns the routers on the way to the edge: those of default routes, and of
// routes that contain an address of the underlay. Link-local ones stay anyway.
func underlayGateways(cfg Config, routes []gatewayRoute) []netip.Addr {
	var out []netip.Addr
	for _, r := range routes {
		towards := r.dst.Bits() == 0 || slices.ContainsFunc(cfg.Underlay, func(u netip.AddrPort) bool { return r.dst.Contains(u.Addr().Unmap()) })
		if r.device == cfg.Device || !towards || !r.via.IsValid() || r.via.IsLinkLocalUnicast() || slices.Contains(out, r.via) {
			continue
		}
		out = append(out, r.via)
	}
	return out
}

// longestOnlink returns the longest connected prefix that contains p.
func longestOnlink(connected []onlink, p netip.Prefix) (best onlink, ok bool) {
	for _, c := range connected {
		if covers(c.prefix, p) && (!ok || c.prefix.Bits() > best.prefix.Bits()) {
			best, ok = c, true
		}
	}
	return best, ok
}

// cover is a set of prefixes that is asked for the longest one around another.
type cover map[netip.Prefix]struct{}

func newCover(list []netip.Prefix) cover {
	c := make(cover, len(list))
	for _, p := range list {
		c.add(p)
	}
	return c
}

func (c cover) add(p netip.Prefix) { c[p] = struct{}{} }

// longest returns the longest prefix of the set that contains all of p.
func (c cover) longest(p netip.Prefix) (netip.Prefix, bool) {
	if len(c) == 0 {
		return netip.Prefix{}, false
	}
	for bits := p.Bits(); bits >= 0; bits-- {
		outer := netip.PrefixFrom(p.Addr(), bits).Masked()
		if _, ok := c[outer]; ok {
			return outer, true
		}
	}
	return netip.Prefix{}, false
}

// localWarnings says what the capture and the networks to which this host is attached have in
// common: one warning for each way in which they meet.
func localWarnings(cfg Config, connected []onlink, exempt []exemption) []Warning {
	list := captured(cfg)
	captures := newCover(list)
	var out []Warning
	for _, c := range connected {
		stays := slices.ContainsFunc(exempt, func(e exemption) bool { return e.prefix == c.prefix })
		outer, covered := captures.longest(c.prefix)
		inner := within(list, c.prefix)
		switch {
		case covered && stays && (outer.Bits() > 0 || !ofSites(c.prefix)):
			out = append(out, partWarning(outer, c))
		case covered && outer == c.prefix && !cfg.DenyLAN:
			out = append(out, takenLAN(c.prefix.String(), c))
		}
		if len(inner) > 0 && !cfg.DenyLAN {
			out = append(out, takenLAN(inner[0].String()+more(len(inner)-1), c))
		}
	}
	for _, e := range exempt {
		outer, ok := captures.longest(e.prefix)
		if !e.prefix.IsSingleIP() || !ok || outer.Bits() == 0 || e.least == e.prefix.Bits() {
			continue
		}
		out = append(out, Warning{
			Text: "the gateway " + e.prefix.Addr().String() + " is not captured, although it lies within captured " + outer.String(),
			Hint: "where that address is a host of the site it cannot be reached from this network: leave it",
		})
	}
	return out
}

// notPublic are prefixes in which no host of the internet has an address: private ones, shared ones
// and those for documentation.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("fc00::/7"),
}

// ofSites says whether a local network may well have the prefix: where everything is captured, that it
// stays local is news only where it takes hosts of the internet along. In IPv6 every network has a /64
// of public addresses.
func ofSites(p netip.Prefix) bool {
	return p.Addr().Is6() && p.Bits() >= 64 || slices.ContainsFunc(notPublic, func(n netip.Prefix) bool { return covers(n, p) })
}

// within returns the prefixes of list that are more specific than outer, and within it.
func within(list []netip.Prefix, outer netip.Prefix) (out []netip.Prefix) {
	for _, p := range list {
		if p.Bits() > outer.Bits() && covers(outer, p) && !p.IsSingleIP() {
			out = append(out, p)
		}
	}
	return out
}

func more(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

// partWarning is about a connected prefix that stays.
func partWarning(p netip.Prefix, c onlink) Warning {
	return Warning{
		Text: "part of captured " + p.String() + " is not captured: " + c.prefix.String() + " is directly connected on " + c.device,
		Hint: "hosts of " + c.prefix.String() + " are reached on the local network, not through oneping; with lan: deny they are not",
	}
}

// takenLAN is about addresses of a connected prefix that do not stay.
func takenLAN(taken string, c onlink) Warning {
	return Warning{
		Text: "addresses of the local network " + c.prefix.String() + " on " + c.device + " are captured, and reached through oneping: " + taken,
		Hint: "to reach hosts of the local network at these addresses, give one of the two networks another range",
	}
}
