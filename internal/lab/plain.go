package lab

import (
	"fmt"
	"net/netip"
)

// internetV4 and internetV6 hold every laptop.
const (
	internetV4 = "198.51.100.0/24"
	internetV6 = ulaPrefix + ":200::/56"
)

// plain turns edge and connector into Linux routers that show the addresses which
// they show as parts of oneping, and teaches the rest the way back to the laptops.
// There is no NAT: whoever wants one adds it on the connector.
func (t *Topology) plain(o Options) {
	for i := range t.Nodes {
		node := &t.Nodes[i]
		switch {
		case node.Kind == KindLaptop:
			node.Kind = KindHost
		case node.Name == "edge":
			t.plainEdge(node, o)
		case node.Name == "router":
			node.Routes = append(node.Routes, routes(CaptureV4, "198.51.100.241", CaptureV6, ulaPrefix+":2ff::1")...)
		case node.Name == "connector":
			node.Kind, node.Sysctls = KindRouter, forwarding()
			for k := range node.Routes {
				if node.Routes[k].To.Bits() == 0 {
					node.Routes[k].Src = pick(node.Routes[k].To, ConnectorV4, ConnectorV6)
				}
			}
		case node.Kind == KindHost && o.Routers == 0:
			node.Routes = via(prefixes(internetV4, internetV6), 0, 100)
		}
	}
	for i := 1; i <= o.Routers; i++ {
		router, _ := t.Node(fmt.Sprintf("r%d", i))
		neighbour := 1
		if i == 1 {
			neighbour = 100
		}
		router.Routes = append(router.Routes, via(prefixes(internetV4, internetV6), i-1, neighbour)...)
	}
}

func (t *Topology) plainEdge(edge *Node, o Options) {
	edge.Kind, edge.Sysctls = KindRouter, forwarding()
	edge.Loopback = append(edge.Loopback, prefixes(HopV4+"/32", HopV6+"/128")...)
	for k := range edge.Routes { // to the laptops, behind the router
		edge.Routes[k].Src = pick(edge.Routes[k].To, HopV4, HopV6)
	}
	for i := 0; i < o.Laptops && !o.Router; i++ {
		n4, n6 := laptopNets(i)
		for _, to := range []netip.Prefix{n4, n6} {
			edge.Routes = append(edge.Routes, Route{To: to, Device: "to-" + numbered("laptop", i), Src: pick(to, HopV4, HopV6)})
		}
	}
	inner := o.Inner()
	edge.Routes = append(edge.Routes, routes(inner[0], "203.0.113.2", inner[1], ulaPrefix+":300::2")...)
}

// pick returns the address of the prefix's family.
func pick(of netip.Prefix, v4, v6 string) netip.Addr {
	if of.Addr().Is6() {
		return netip.MustParseAddr(v6)
	}
	return netip.MustParseAddr(v4)
}
