package holder

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/lab"
)

const (
	bridgeName = "br0"
	firstIndex = 100 // beyond what the kernel hands out in a lab's namespace
)

// network is the topology made real.
type network struct {
	topology *lab.Topology
	spaces   map[string]*namespace
	ipv6     bool
	// devices counts the veths made.
	devices int
	// cables are the device pairs of shaped links, by link name.
	cables map[string][2]*os.File
}

// buildNetwork makes namespaces, links, addresses and routes.
func buildNetwork(t *lab.Topology) (*network, error) {
	_, err := os.Stat("/proc/sys/net/ipv6")
	n := &network{
		topology: t, spaces: map[string]*namespace{}, ipv6: err == nil,
		cables: map[string][2]*os.File{},
	}
	for _, node := range t.Nodes {
		if err := n.addNode(node); err != nil {
			return nil, err
		}
	}
	for _, link := range t.Links {
		if err := n.addLink(link); err != nil {
			return nil, fmt.Errorf("create link %s: %w", link.Name(), err)
		}
	}
	for _, node := range t.Nodes {
		if err := n.spaces[node.Name].do(func() error { return n.addRoutes(node) }); err != nil {
			return nil, fmt.Errorf("configure %s: %w", node.Name, err)
		}
	}
	return n, nil
}

// addNode makes the namespace; its defaults are set before any device exists.
func (n *network) addNode(node lab.Node) error {
	ns, err := newNamespace(node.Name)
	if err != nil {
		return err
	}
	n.spaces[node.Name] = ns
	if err := ns.sysctl(node.Sysctls); err != nil {
		return fmt.Errorf("configure %s: %w", node.Name, err)
	}
	return ns.do(func() error {
		if err := n.configure("lo", node.Loopback); err != nil {
			return err
		}
		if node.Kind != lab.KindSwitch {
			return nil
		}
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName}}
		if err := netlink.LinkAdd(bridge); err != nil {
			return fmt.Errorf("create bridge: %w", err)
		}
		return n.configure(bridgeName, nil)
	})
}

func (n *network) addLink(link lab.Link) error {
	mtu := link.Shape.MTU
	if mtu == 0 {
		mtu = 1500
	}
	join := n.addVeth
	if link.Shape.Active() {
		join = n.addCable
	}
	if err := join(link, mtu); err != nil {
		return err
	}
	for _, end := range []lab.End{link.A, link.B} {
		if err := n.spaces[end.Node].do(func() error { return n.plug(end) }); err != nil {
			return err
		}
	}
	return nil
}

// addVeth joins two nodes. The device of A gets a number that B's cannot have:
// the kernel takes a veth with the number of its peer for no veth and may be a
// second late in noticing that it has a carrier (linkwatch_urgent_event).
func (n *network) addVeth(link lab.Link, mtu int) error {
	peer := n.spaces[link.B.Node]
	return n.spaces[link.A.Node].do(func() error {
		return netlink.LinkAdd(&netlink.Veth{
			LinkAttrs:     netlink.LinkAttrs{Name: link.A.Device, MTU: mtu, Index: n.nextIndex()},
			PeerName:      link.B.Device,
			PeerNamespace: netlink.NsFd(int(peer.file.Fd())),
			PeerMTU:       uint32(mtu),
		})
	})
}

func (n *network) nextIndex() int {
	n.devices++
	return firstIndex + n.devices
}

// addCable makes a TAP device in each node; the link process joins them.
func (n *network) addCable(link lab.Link, mtu int) error {
	var cable [2]*os.File
	for i, end := range []lab.End{link.A, link.B} {
		err := n.spaces[end.Node].do(func() (err error) {
			cable[i], err = openTap(end.Device, mtu)
			return err
		})
		if err != nil {
			return err
		}
	}
	n.cables[link.Name()] = cable
	return nil
}

func openTap(device string, mtu int) (*os.File, error) {
	file, err := os.OpenFile("/dev/net/tun", os.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	req, err := unix.NewIfreq(device)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(int(file.Fd()), unix.TUNSETIFF, req); err != nil {
		return nil, errors.Join(fmt.Errorf("create tap %s: %w", device, err), file.Close())
	}
	link, err := netlink.LinkByName(device)
	if err == nil {
		err = netlink.LinkSetMTU(link, mtu)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set mtu of %s: %w", device, err), file.Close())
	}
	return file, nil
}

// plug configures one end, in its own namespace.
func (n *network) plug(end lab.End) error {
	node, _ := n.topology.Node(end.Node)
	if node.Kind != lab.KindSwitch {
		return n.configure(end.Device, end.Addrs)
	}
	bridge, err := netlink.LinkByName(bridgeName)
	if err != nil {
		return err
	}
	port, err := netlink.LinkByName(end.Device)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetMaster(port, bridge); err != nil {
		return fmt.Errorf("attach %s to bridge: %w", end.Device, err)
	}
	return n.configure(end.Device, nil)
}

// configure brings a device up and gives it addresses, usable at once.
func (n *network) configure(device string, addrs []netip.Prefix) error {
	link, err := netlink.LinkByName(device)
	if err != nil {
		return fmt.Errorf("find %s: %w", device, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("set %s up: %w", device, err)
	}
	for _, prefix := range addrs {
		if prefix.Addr().Is6() && !n.ipv6 {
			continue
		}
		addr := &netlink.Addr{IPNet: ipNet(prefix)}
		if prefix.Addr().Is6() {
			addr.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(link, addr); err != nil {
			return fmt.Errorf("add %s to %s: %w", prefix, device, err)
		}
	}
	return nil
}

func (n *network) addRoutes(node lab.Node) error {
	for _, r := range node.Routes {
		if r.To.Addr().Is6() && !n.ipv6 {
			continue
		}
		if err := addRoute(r); err != nil {
			return fmt.Errorf("add route %s via %s%s: %w", r.To, r.Via, r.Device, err)
		}
	}
	return nil
}

func addRoute(r lab.Route) error {
	route := &netlink.Route{Dst: ipNet(r.To), Gw: r.Via.AsSlice(), Src: r.Src.AsSlice(), Priority: r.Metric}
	if r.Device != "" {
		link, err := netlink.LinkByName(r.Device)
		if err != nil {
			return err
		}
		route.LinkIndex, route.Scope = link.Attrs().Index, netlink.SCOPE_LINK
		if r.To.Addr().Is6() {
			route.Priority = 1 // wins over the kernel's own, which has 256
		}
	}
	return netlink.RouteReplace(route)
}

// setLinks puts every device of a node up or down. Routes over a device go
// with it and are set again when it returns.
func (n *network) setLinks(node lab.Node, up bool) error {
	return n.spaces[node.Name].do(func() error {
		for _, end := range n.topology.Ends(node.Name) {
			link, err := netlink.LinkByName(end.Device)
			if err != nil {
				return fmt.Errorf("find %s: %w", end.Device, err)
			}
			if !up {
				if err := netlink.LinkSetDown(link); err != nil {
					return fmt.Errorf("set %s down: %w", end.Device, err)
				}
				continue
			}
			if err := n.restore(link, end.Addrs); err != nil {
				return err
			}
		}
		if !up {
			return nil
		}
		return n.addRoutes(node)
	})
}

// restore brings a device up with its addresses: the kernel forgets those of
// IPv6 when a device goes down.
func (n *network) restore(link netlink.Link, addrs []netip.Prefix) error {
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("set %s up: %w", link.Attrs().Name, err)
	}
	for _, prefix := range addrs {
		if !prefix.Addr().Is6() || !n.ipv6 {
			continue
		}
		addr := &netlink.Addr{IPNet: ipNet(prefix), Flags: unix.IFA_F_NODAD}
		if err := netlink.AddrReplace(link, addr); err != nil {
			return fmt.Errorf("add %s: %w", prefix, err)
		}
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
