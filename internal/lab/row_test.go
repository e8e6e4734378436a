package lab

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// hops follows the routes of a topology from a node to an address and returns the
// nodes on the way, the last of them the owner of the address or the one without a route.
func hops(t *testing.T, topology *Topology, from string, to netip.Addr) []string {
	t.Helper()
	path := []string{from}
	for len(path) < 20 {
		node, ok := topology.Node(path[len(path)-1])
		if !ok {
			t.Fatalf("%v leads to no node", path)
		}
		next, arrived := step(topology, node, to)
		if arrived || next == "" {
			return path
		}
		path = append(path, next)
	}
	t.Errorf("the way from %s to %v is a circle: %v", from, to, path)
	return path
}

func step(topology *Topology, node *Node, to netip.Addr) (next string, arrived bool) {
	if slices.ContainsFunc(node.Loopback, func(p netip.Prefix) bool { return p.Addr() == to }) {
		return "", true
	}
	gateway, bits := netip.Addr{}, -1
	for _, end := range topology.Ends(node.Name) {
		for _, prefix := range end.Addrs {
			if prefix.Addr() == to {
				return "", true
			}
			if prefix.Contains(to) {
				gateway, bits = to, prefix.Bits()
			}
		}
	}
	for _, route := range node.Routes {
		if route.To.Contains(to) && route.To.Bits() > bits {
			gateway, bits = route.Via, route.To.Bits()
		}
	}
	return owner(topology, gateway), false
}

func owner(topology *Topology, addr netip.Addr) string {
	for _, link := range topology.Links {
		for _, end := range []End{link.A, link.B} {
			for _, prefix := range end.Addrs {
				if prefix.Addr() == addr {
					return end.Node
				}
			}
		}
	}
	return ""
}

// TestRow: there and back through every router, and what does not exist ends at
// the last one.
func TestRow(t *testing.T) {
	for n, want := range map[int][]string{
		1: {"connector", "r1", "server"},
		3: {"connector", "r1", "r2", "r3", "server"},
		8: {"connector", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "server"},
	} {
		topology := classic(t, Options{Routers: n})
		server4, server6 := Server(n)
		back := slices.Clone(want)
		slices.Reverse(back)
		for _, addrs := range [][2]netip.Addr{
			{netip.MustParseAddr(ConnectorV4), server4}, {netip.MustParseAddr(ConnectorV6), server6},
		} {
			if diff := cmp.Diff(want, hops(t, topology, "connector", addrs[1])); diff != "" {
				t.Errorf("%d routers, to %v: %s", n, addrs[1], diff)
			}
			if diff := cmp.Diff(back, hops(t, topology, "server", addrs[0])); diff != "" {
				t.Errorf("%d routers, back to %v: %s", n, addrs[0], diff)
			}
		}
		for _, none := range []string{"172.16.30.1", "fd6f:6e65:7069:1f::1"} {
			if diff := cmp.Diff(want[:n+1], hops(t, topology, "connector", netip.MustParseAddr(none))); diff != "" {
				t.Errorf("%d routers, to %s: %s", n, none, diff)
			}
		}
	}
}

func TestServerStaysWhereItWas(t *testing.T) {
	if v4, v6 := Server(0); v4.String() != "172.16.10.120" || v6.String() != "fd6f:6e65:7069:10::120" {
		t.Errorf("Server(0) = %v, %v", v4, v6)
	}
	if v4, v6 := Server(2); v4.String() != "172.16.12.120" || v6.String() != "fd6f:6e65:7069:12::120" {
		t.Errorf("Server(2) = %v, %v", v4, v6)
	}
}

// TestPlain: kernels alone know the way from laptop to server and back, and no role
// has a node to run on.
func TestPlain(t *testing.T) {
	for _, o := range []Options{{Plain: true}, {Plain: true, Routers: 2}, {Plain: true, Routers: 2, Router: true, Laptops: 2}} {
		topology := classic(t, o)
		want := []string{"laptop"}
		if o.Router {
			want = append(want, "router")
		}
		want = append(want, "edge", "connector")
		want = append(want, []string{"r1", "r2"}[:o.Routers]...)
		want = append(want, "server")
		back := slices.Clone(want)
		slices.Reverse(back)
		server4, server6 := Server(o.Routers)
		laptop := topology.Ends("laptop")[0]
		for i, server := range []netip.Addr{server4, server6} {
			if diff := cmp.Diff(want, hops(t, topology, "laptop", server)); diff != "" {
				t.Errorf("%+v: to %v: %s", o, server, diff)
			}
			if diff := cmp.Diff(back, hops(t, topology, "server", laptop.Addrs[i].Addr())); diff != "" {
				t.Errorf("%+v: back to %v: %s", o, laptop.Addrs[i], diff)
			}
		}
		for _, kind := range []Kind{KindLaptop, KindEdge, KindConnector} {
			if nodes := topology.OfKind(kind); len(nodes) > 0 {
				t.Errorf("%+v: %s is there to run oneping", o, nodes[0].Name)
			}
		}
	}
}
