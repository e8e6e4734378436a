package osroute

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// dumpTries bounds how often a list is asked for again that changed while the kernel was giving it.
const dumpTries = 5

// list asks for a dump until it was not interrupted.
func list[T any](ask func() ([]T, error)) ([]T, error) {
	var got []T
	var err error
	for range dumpTries {
		if got, err = ask(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return got, err
		}
	}
	return got, err
}

func familyOf(v6 bool) int {
	if v6 {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// eachFamily calls f for the families that the host has.
func eachFamily(stack families, f func(v6 bool) error) error {
	for _, v6 := range []bool{false, true} {
		if stack.has(v6) {
			if err := f(v6); err != nil {
				return err
			}
		}
	}
	return nil
}

func toIPNet(p netip.Prefix) *net.IPNet {
	if !p.IsValid() {
		return nil
	}
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func fromIPNet(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.Prefix{}
	}
	a, ok := netip.AddrFromSlice(n.IP)
	ones, _ := n.Mask.Size()
	if len(n.Mask) == net.IPv4len {
		a = a.Unmap()
	}
	if !ok {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(a, ones)
}

// readRules returns our rules of a claim's priorities, and of those of former places.
func readRules(c claim, stack families, former ...int) ([]rule, error) {
	places := append(slices.Clone(former), c.Priority)
	return ownRules(stack, func(priority int) bool {
		return slices.ContainsFunc(places, func(p int) bool { return claim{Priority: p}.holds(priority) })
	})
}

// ownRules returns the rules of our protocol whose priority is wanted.
func ownRules(stack families, wanted func(priority int) bool) (out []rule, err error) {
	err = eachFamily(stack, func(v6 bool) error {
		have, err := list(func() ([]netlink.Rule, error) { return netlink.RuleList(familyOf(v6)) })
		if err != nil {
			return fail("list rules", err)
		}
		for _, x := range have {
			if x.Protocol == ownProtocol && wanted(x.Priority) {
				out = append(out, fromRule(x, v6))
			}
		}
		return nil
	})
	return out, err
}

func fromRule(x netlink.Rule, v6 bool) rule {
	out := rule{
		v6: v6, priority: x.Priority, from: fromIPNet(x.Src), to: fromIPNet(x.Dst), not: x.Invert, mark: x.Mark,
		proto: x.IPProto, table: x.Table, suppress: x.SuppressPrefixlen,
	}
	if x.Dport != nil {
		out.dport = x.Dport.Start
	}
	return out
}

func toRule(x rule) *netlink.Rule {
	out := netlink.NewRule()
	out.Family, out.Priority, out.Invert, out.Mark = familyOf(x.v6), x.priority, x.not, x.mark
	out.Src, out.Dst, out.IPProto, out.Table = toIPNet(x.from), toIPNet(x.to), x.proto, x.table
	out.SuppressPrefixlen, out.Protocol = x.suppress, ownProtocol
	if x.dport != 0 {
		out.Dport = netlink.NewRulePortRange(x.dport, x.dport)
	}
	return out
}

func addRule(x rule) error {
	if err := netlink.RuleAdd(toRule(x)); err != nil && !errors.Is(err, unix.EEXIST) {
		return fail(fmt.Sprintf("add rule %d (table %d)", x.priority, x.table), err)
	}
	return nil
}

func dropRule(x rule) error {
	if err := netlink.RuleDel(toRule(x)); err != nil && !errors.Is(err, unix.ENOENT) {
		return fail(fmt.Sprintf("remove rule %d (table %d)", x.priority, x.table), err)
	}
	return nil
}

// readRoutes returns our routes of a claim's tables.
func readRoutes(c claim, stack families) ([]tableRoute, error) {
	have, err := ownRoutes(stack, unix.RT_TABLE_UNSPEC) // the kernel walks all tables in any case
	tables := []int{c.Table, c.Table + 1, stopTable(c.Table)}
	return slices.DeleteFunc(have, func(x tableRoute) bool { return !slices.Contains(tables, x.table) }), err
}

// ownRoutes returns the routes of our protocol in a table, unix.RT_TABLE_UNSPEC for every table.
func ownRoutes(stack families, table int) (out []tableRoute, err error) {
	err = eachFamily(stack, func(v6 bool) error {
		have, err := list(func() ([]netlink.Route, error) {
			return netlink.RouteListFiltered(familyOf(v6), &netlink.Route{Table: table}, netlink.RT_FILTER_TABLE)
		})
		if err != nil {
			return fail(fmt.Sprintf("list routes of table %d", table), err)
		}
		for _, x := range have {
			if x.Protocol == ownProtocol {
				out = append(out, fromRoute(x, v6))
			}
		}
		return nil
	})
	return out, err
}

func fromRoute(x netlink.Route, v6 bool) tableRoute {
	out := tableRoute{table: x.Table, kind: routeKind(x.Type), dst: routeDst(x, v6), metric: x.Priority}
	if out.kind == unicast {
		out.dev = x.LinkIndex
		out.src, out.via = fromIP(x.Src), fromIP(x.Gw)
	}
	return out
}

// fromIP returns the zero Addr for no address.
func fromIP(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}

// routeDst returns a route's destination, whose absence means everything.
func routeDst(x netlink.Route, v6 bool) netip.Prefix {
	if p := fromIPNet(x.Dst); p.IsValid() {
		return p
	}
	return everything(v6)
}

func toRoute(x tableRoute) *netlink.Route {
	out := &netlink.Route{
		Family: familyOf(x.dst.Addr().Is6()), Table: x.table, Type: int(x.kind), Dst: toIPNet(x.dst), Priority: x.metric,
		LinkIndex: x.dev, Protocol: ownProtocol,
	}
	if x.kind == unicast {
		out.Src = x.src.AsSlice()
		out.Scope = netlink.SCOPE_LINK
		if x.via.IsValid() {
			out.Gw, out.Scope = x.via.AsSlice(), netlink.SCOPE_UNIVERSE
			out.SetFlag(netlink.FLAG_ONLINK)
		}
	}
	return out
}

func addRoute(x tableRoute) error {
	err := netlink.RouteAdd(toRoute(x))
	if errors.Is(err, unix.EEXIST) && x.kind == unicast { // by another gateway, or from another source
		err = netlink.RouteReplace(toRoute(x))
	}
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fail(fmt.Sprintf("add route %s (table %d)", x.dst, x.table), err)
	}
	return nil
}

func dropRoute(x tableRoute) error {
	if err := netlink.RouteDel(toRoute(x)); err != nil && !errors.Is(err, unix.ESRCH) {
		return fail(fmt.Sprintf("remove route %s (table %d)", x.dst, x.table), err)
	}
	return nil
}

// readMain returns the routes of the main table, and those by way of a router once more.
func readMain(stack families) ([]mainRoute, []gatewayRoute, error) {
	links, err := list(netlink.LinkList)
	if err != nil {
		return nil, nil, fail("list interfaces", err)
	}
	names := make(map[int]string, len(links))
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	var routes []mainRoute
	var gateways []gatewayRoute
	err = eachFamily(stack, func(v6 bool) error {
		have, err := list(func() ([]netlink.Route, error) {
			return netlink.RouteListFiltered(familyOf(v6), &netlink.Route{Table: tableMain}, netlink.RT_FILTER_TABLE)
		})
		if err != nil {
			return fail("list routes of the main table", err)
		}
		for _, x := range have {
			routes = append(routes, mainRoute{
				dst:       routeDst(x, v6),
				device:    names[x.LinkIndex],
				gateway:   x.Gw != nil || x.Via != nil || len(x.MultiPath) > 0 || x.Type != int(unicast),
				byAddress: x.Protocol == unix.RTPROT_KERNEL || x.Protocol == unix.RTPROT_RA || x.Protocol == unix.RTPROT_DHCP,
			})
			gateways = append(gateways, gatewaysOf(x, routeDst(x, v6), names)...)
		}
		return nil
	})
	return routes, gateways, err
}

// gatewaysOf returns the routers of a route, of which there may be several.
func gatewaysOf(x netlink.Route, dst netip.Prefix, names map[int]string) (out []gatewayRoute) {
	add := func(link int, ip net.IP, via netlink.Destination) {
		if v, ok := via.(*netlink.Via); ok && ip == nil {
			ip = v.Addr
		}
		if a := fromIP(ip); a.IsValid() {
			out = append(out, gatewayRoute{dst: dst, device: names[link], via: a})
		}
	}
	add(x.LinkIndex, x.Gw, x.Via)
	for _, n := range x.MultiPath {
		add(n.LinkIndex, n.Gw, n.Via)
	}
	return out
}
