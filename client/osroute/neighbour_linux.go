package osroute

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// setRouters makes these the IPv6 neighbours on the device of which the kernel knows that they
// are routers. A TUN has no neighbour discovery in which the edge could say so; and what the
// kernel has learnt of a path by way of a gateway that is no router, its MTU above all, it
// forgets within half a minute (rt6_age_examine_exception).
func setRouters(link netlink.Link, routers []netip.Addr) error {
	name := link.Attrs().Name
	have, err := routersOf(link)
	if err != nil {
		return err
	}
	for _, a := range routers {
		if err := netlink.NeighSet(router(link, a)); err != nil {
			return fail("say that "+a.String()+" is a router on "+name, err)
		}
	}
	for _, a := range have {
		if slices.Contains(routers, a) {
			continue
		}
		if err := netlink.NeighDel(router(link, a)); err != nil && !errors.Is(err, unix.ENOENT) {
			return fail("remove neighbour "+a.String()+" of "+name, err)
		}
	}
	return nil
}

func router(link netlink.Link, a netip.Addr) *netlink.Neigh {
	return &netlink.Neigh{
		LinkIndex: link.Attrs().Index, Family: unix.AF_INET6, IP: a.AsSlice(), State: netlink.NUD_PERMANENT, Flags: netlink.NTF_ROUTER,
	}
}

// routersOf returns the permanent IPv6 neighbours of a device that are routers.
func routersOf(link netlink.Link) (out []netip.Addr, err error) {
	all, err := list(func() ([]netlink.Neigh, error) { return netlink.NeighList(link.Attrs().Index, unix.AF_INET6) })
	for _, n := range all {
		if a, ok := netip.AddrFromSlice(n.IP); ok && n.State&netlink.NUD_PERMANENT != 0 && n.Flags&netlink.NTF_ROUTER != 0 {
			out = append(out, a)
		}
	}
	return out, fail("list neighbours of "+link.Attrs().Name, err)
}
