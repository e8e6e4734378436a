package osroute

import (
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Unreachable returns what clients captured that were killed, and what is unreachable now: the
// routes of their tables S (rules.go) whose device no process holds. Everybody may ask that.
func Unreachable() ([]netip.Prefix, error) {
	routes, err := ownRoutes(families{v4: true, v6: hasIPv6()}, unix.RT_TABLE_UNSPEC)
	if err != nil {
		return nil, err
	}
	links, err := list(netlink.LinkList)
	if err != nil {
		return nil, fail("list interfaces", err)
	}
	running := make(map[int]bool)
	for _, l := range links {
		if held(l) {
			running[slot(l.Attrs().Name)] = true
		}
	}
	return stopped(routes, running), nil
}

// stopped returns the prefixes that tables S of slots which are not running stop, without
// those that lie within others, networks before hosts: the first ones say most.
func stopped(routes []tableRoute, running map[int]bool) []netip.Prefix {
	var out []netip.Prefix
	for _, x := range routes {
		n, ok := slotOf(x.table, stopTable(baseTable), 2)
		if ok && x.table == stopTable(slotClaim("", n).Table) && x.kind == unreachable && !running[n] {
			out = append(out, x.dst)
		}
	}
	slices.SortFunc(out, func(a, b netip.Prefix) int {
		if a.IsSingleIP() != b.IsSingleIP() {
			if a.IsSingleIP() {
				return 1
			}
			return -1
		}
		return a.Compare(b)
	})
	out = slices.Compact(out)
	within := func(p netip.Prefix) bool {
		return slices.ContainsFunc(out, func(q netip.Prefix) bool { return p != q && covers(q, p) })
	}
	return slices.DeleteFunc(slices.Clone(out), within)
}
