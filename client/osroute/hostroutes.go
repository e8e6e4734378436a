package osroute

import (
	"net/netip"
	"slices"
	"strings"
)

// This file computes the routes that a system with one table shall have (onetable.go). It is pure.

// wantHostRoutes returns the routes for cfg beside what is in the table, stops before those
// through the TUN.
func wantHostRoutes(cfg Config, table []seenRoute, halves bool) ([]hostRoute, []Warning) {
	foreign := foreignRoutes(table, cfg.Device)
	all := connectedPrefixes(foreign, cfg.Device)
	connected, own := networks(all), newCover(nil)
	for _, c := range all {
		if c.prefix.IsSingleIP() {
			own.add(c.prefix)
		}
	}
	exempt := exemptions(cfg, connected, underlayGateways(cfg, routers(table)))
	capture := captured(cfg)
	warnings := localWarnings(cfg, connected, exempt)
	taken := slices.Clone(capture)
	if cfg.DenyLAN {
		taken = append(taken, coveredBy(connected, capture)...)
	}
	whole, stay := newCover(taken), newCover(nil)
	for _, e := range exempt {
		stay.add(e.prefix)
	}
	// left says that p is an address of the host's own, or that of what is exempt and what is
	// captured around p the former is more specific.
	left := func(p netip.Prefix) bool {
		if _, ok := own[p]; ok {
			return true
		}
		e, ok := stay.longest(p)
		c, captured := whole.longest(p)
		return ok && (!captured || e.Bits() > c.Bits())
	}
	lan := newCover(nil)
	for _, c := range connected {
		lan.add(c.prefix)
	}
	var stops, through []hostRoute
	for _, p := range uniq(taken) {
		for _, part := range around(belowDefault(p), exempt) {
			if !halves || !part.IsSingleIP() {
				stops = append(stops, hostRoute{dst: part, stop: true})
			}
			_, equal := lan[part]
			through = appendThrough(through, cfg, bid(part, halves || equal))
		}
	}
	for _, r := range foreign {
		if !outbiddable(r, capture) || left(r.dst) {
			continue
		}
		if halves && r.dst.IsSingleIP() {
			if !slices.Contains(capture, r.dst) {
				warnings = append(warnings, hostRouteWarning(r))
			}
			continue
		}
		through = appendThrough(through, cfg, bid(r.dst, halves))
	}
	through = slices.DeleteFunc(through, func(r hostRoute) bool { return left(r.dst) })
	return uniq(slices.Concat(stops, through)), warnings
}

// coveredBy returns the connected prefixes that lie within a capture.
func coveredBy(connected []onlink, capture []netip.Prefix) (out []netip.Prefix) {
	captures := newCover(capture)
	for _, c := range connected {
		if _, ok := captures.longest(c.prefix); ok {
			out = append(out, c.prefix)
		}
	}
	return out
}

// around returns what is left of parts without the single addresses that are exempt.
func around(parts []netip.Prefix, exempt []exemption) []netip.Prefix {
	for _, e := range exempt {
		if !e.prefix.IsSingleIP() {
			continue
		}
		var next []netip.Prefix
		for _, p := range parts {
			next = append(next, without(p, e.prefix)...)
		}
		parts = next
	}
	return parts
}

// without returns the prefixes that are p but for hole, the largest first: one for each bit by
// which hole is more specific.
func without(p, hole netip.Prefix) []netip.Prefix {
	if !covers(p, hole) {
		return []netip.Prefix{p}
	}
	var out []netip.Prefix
	for p.Bits() < hole.Bits() {
		both := bid(p, true)
		if covers(both[0], hole) {
			p, out = both[0], append(out, both[1])
		} else {
			p, out = both[1], append(out, both[0])
		}
	}
	return out
}

// routers returns the routes of a table by way of a router.
func routers(table []seenRoute) (out []gatewayRoute) {
	for _, s := range table {
		if s.via.IsValid() && !s.stop {
			out = append(out, gatewayRoute{dst: s.dst, device: s.device, via: s.via})
		}
	}
	return out
}

// foreignRoutes returns the routes that are neither ours nor the system's own for loopback,
// link-local and multicast.
func foreignRoutes(table []seenRoute, device string) []mainRoute {
	var out []mainRoute
	for _, s := range table {
		if s.stop || s.device == device || !s.dst.IsValid() || s.dst.Bits() == 0 {
			continue
		}
		if slices.ContainsFunc(stays(), func(p netip.Prefix) bool { return covers(p, s.dst) }) {
			continue
		}
		out = append(out, s.mainRoute)
	}
	return out
}

// outbiddable reports whether r is a static route within a capture.
func outbiddable(r mainRoute, capture []netip.Prefix) bool {
	return (r.gateway || !r.byAddress) && slices.ContainsFunc(capture, func(p netip.Prefix) bool { return covers(p, r.dst) })
}

// networks leaves out the single addresses of connected prefixes (an interface's own and
// broadcast address).
func networks(connected []onlink) []onlink {
	return slices.DeleteFunc(slices.Clone(connected), func(c onlink) bool { return c.prefix.IsSingleIP() })
}

func hostRouteWarning(r mainRoute) Warning {
	return Warning{
		Text: "captured " + r.dst.String() + " leaves this host by a route of its own on " + r.device,
		Hint: "remove the host route for " + strings.TrimSuffix(strings.TrimSuffix(r.dst.String(), "/32"), "/128"),
	}
}

// belowDefault returns p, or its halves if p is everything: the default route is the underlay's.
func belowDefault(p netip.Prefix) []netip.Prefix {
	if p.Bits() == 0 {
		return bid(p, true)
	}
	return []netip.Prefix{p}
}

// bid returns the prefixes that win over a route for p: p itself where the metric decides, else
// its halves. A single address has no halves.
func bid(p netip.Prefix, halves bool) []netip.Prefix {
	if !halves || p.IsSingleIP() {
		return []netip.Prefix{p}
	}
	upper := p.Addr().AsSlice()
	upper[p.Bits()/8] |= 0x80 >> (p.Bits() % 8)
	second, _ := netip.AddrFromSlice(upper)
	return []netip.Prefix{netip.PrefixFrom(p.Addr(), p.Bits()+1), netip.PrefixFrom(second, p.Bits()+1)}
}

// appendThrough appends routes through the TUN for prefixes of a family in which the device has
// an address.
func appendThrough(list []hostRoute, cfg Config, prefixes []netip.Prefix) []hostRoute {
	for _, p := range prefixes {
		if firstAddr(cfg.Addrs, p.Addr().Is6()).IsValid() {
			list = append(list, hostRoute{dst: p})
		}
	}
	return list
}
