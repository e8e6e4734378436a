package lab

import (
	"fmt"
	"maps"
	"net/netip"
)

// The addresses of the classic example. IPv6 is the same out of one unique
// local prefix ("on" "ep" "in" in hex digits).
const (
	HopV4        = "172.68.101.57"          // the edge as a router
	HopV6        = "fd6f:6e65:7069:101::57" //
	ConnectorV4  = "172.16.10.100"          // the connector in its LAN
	ConnectorV6  = "fd6f:6e65:7069:10::100" //
	LANV4        = "172.16.10.0/24"         // the private subnet
	LANV6        = "fd6f:6e65:7069:10::/64" //
	CaptureV4    = "172.16.0.0/12"          // what laptops send into oneping
	CaptureV6    = "fd6f:6e65:7069:10::/60" //
	EdgeV4       = "192.0.2.1"              // where laptops and connector dial the edge
	EdgeV6       = "fd6f:6e65:7069:400::1"  //
	EdgePort     = 7844                     //
	TunnelName   = "lab"                    // what the route points to
	ulaPrefix    = "fd6f:6e65:7069"         //
	deviceLAN    = "lan0"                   // the connector's device in the LAN
	deviceFirst  = "eth0"                   // the first device of laptop, server, host
	deviceSecond = "eth1"                   // the laptop's second uplink
)

// Classic returns the topology of the classic example as the options ask for.
// Links are laptop-edge (laptop-router and router-edge with a router),
// edge-connector, connector-lan and server-lan. With routers behind the connector
// the last three are connector-r1, r1-r2, …, rN-lan and server-lan.
func Classic(o Options) (*Topology, error) {
	t := &Topology{}
	t.addEdge()
	uplink := "edge"
	if o.Router {
		uplink = "router"
		t.addRouter(o.Laptops)
	}
	for i := range o.Laptops {
		t.addLaptop(i, uplink)
		if o.SecondUplink {
			t.addSecondUplink(i)
		}
	}
	t.addConnector(o.Routers)
	t.addRow(o.Routers)
	for i := range o.Hosts {
		t.addHost(i, o.Routers)
	}
	if o.Plain {
		t.plain(o)
	}
	if err := t.shape(o.Links); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Topology) addEdge() {
	t.Nodes = append(t.Nodes, Node{
		Name: "edge", Kind: KindEdge, Sysctls: plainHost(),
		Loopback: prefixes(EdgeV4+"/32", EdgeV6+"/128"),
	})
}

// addRouter puts a router on the path of every laptop; the edge reaches the
// laptops through it.
func (t *Topology) addRouter(laptops int) {
	t.Nodes = append(t.Nodes, Node{
		Name: "router", Kind: KindRouter, Sysctls: forwarding(),
		Routes: routes(EdgeV4+"/32", "198.51.100.241", EdgeV6+"/128", ulaPrefix+":2ff::1"),
	})
	t.Links = append(t.Links, Link{
		A: End{"router", "to-edge", prefixes("198.51.100.242/28", ulaPrefix+":2ff::2/64")},
		B: End{"edge", "to-router", prefixes("198.51.100.241/28", ulaPrefix+":2ff::1/64")},
	})
	edge, _ := t.Node("edge")
	for i := range laptops {
		n4, n6 := laptopNets(i)
		edge.Routes = append(edge.Routes, Route{To: n4, Via: netip.MustParseAddr("198.51.100.242")},
			Route{To: n6, Via: netip.MustParseAddr(ulaPrefix + ":2ff::2")})
	}
}

// laptopNets returns the networks of the laptop's access link.
func laptopNets(i int) (v4, v6 netip.Prefix) {
	return netip.MustParsePrefix(fmt.Sprintf("198.51.100.%d/28", 16*i)),
		netip.MustParsePrefix(fmt.Sprintf("%s:2%02x::/64", ulaPrefix, i))
}

// addLaptop gives laptop i (from 0) a link to its next hop, a default route, and a
// route of its own to the edge, so that a test may take the default away.
func (t *Topology) addLaptop(i int, uplink string) {
	name := numbered("laptop", i)
	gateway4, gateway6 := fmt.Sprintf("198.51.100.%d", 16*i+1), fmt.Sprintf("%s:2%02x::1", ulaPrefix, i)
	t.Nodes = append(t.Nodes, Node{
		Name: name, Kind: KindLaptop, User: User(i), Sysctls: plainHost(),
		Routes: append(routes(EdgeV4+"/32", gateway4, EdgeV6+"/128", gateway6),
			routes("0.0.0.0/0", gateway4, "::/0", gateway6)...),
	})
	t.Links = append(t.Links, Link{
		A: End{name, deviceFirst, prefixes(fmt.Sprintf("198.51.100.%d/28", 16*i+2), fmt.Sprintf("%s:2%02x::2/64", ulaPrefix, i))},
		B: End{uplink, "to-" + name, prefixes(gateway4+"/28", gateway6+"/64")},
	})
}

// addConnector attaches the connector to the edge, and to the switch of the
// private subnet unless there is a router between them.
func (t *Topology) addConnector(routers int) {
	t.Nodes = append(t.Nodes,
		Node{
			Name: "connector", Kind: KindConnector, Sysctls: plainHost(),
			Routes: append(routes(EdgeV4+"/32", "203.0.113.1", EdgeV6+"/128", ulaPrefix+":300::1"),
				routes("0.0.0.0/0", "203.0.113.1", "::/0", ulaPrefix+":300::1")...),
		},
		Node{Name: "lan", Kind: KindSwitch, Sysctls: plainHost()},
	)
	t.Links = append(t.Links, Link{
		A: End{"edge", "to-connector", prefixes("203.0.113.1/24", ulaPrefix+":300::1/64")},
		B: End{"connector", deviceFirst, prefixes("203.0.113.2/24", ulaPrefix+":300::2/64")},
	})
	if routers == 0 {
		t.Links = append(t.Links, Link{
			A: End{"connector", deviceLAN, prefixes(ConnectorV4+"/24", ConnectorV6+"/64")},
			B: End{Node: "lan", Device: "to-connector"},
		})
	}
}

// addHost attaches host i to the switch of the last private subnet: .120 is the
// server, .121 host2, ….
func (t *Topology) addHost(i, routers int) {
	name := numbered("host", i)
	if i == 0 {
		name = "server"
	}
	host := Node{Name: name, Kind: KindHost, Sysctls: plainHost()}
	if routers > 0 {
		gateway4, gateway6 := rowAddr(routers, 1)
		host.Routes = routes("0.0.0.0/0", gateway4.String(), "::/0", gateway6.String())
	}
	t.Nodes = append(t.Nodes, host)
	t.Links = append(t.Links, Link{
		A: End{name, deviceFirst, rowPrefixes(routers, 120+i)},
		B: End{Node: "lan", Device: "to-" + name},
	})
}

// numbered returns base for 0, base2 for 1, and so on.
func numbered(base string, i int) string {
	if i == 0 {
		return base
	}
	return fmt.Sprintf("%s%d", base, i+1)
}

// User returns whose laptop i is.
func User(i int) string {
	if names := []string{"alice", "bob", "carol", "dave"}; i < len(names) {
		return names[i] + "@example.com"
	}
	return fmt.Sprintf("user%d@example.com", i+1)
}

// plainHost are the settings of every node, whatever the host's defaults are:
// addresses usable at once, no forwarding, reverse path filter off (a test
// turns it on), and no rate limit that would show as stars.
func plainHost() map[string]string {
	return map[string]string{
		"ipv4/ip_forward":                        "0",
		"ipv4/conf/all/rp_filter":                "0",
		"ipv4/conf/default/rp_filter":            "0",
		"ipv4/icmp_ratelimit":                    "0",
		"ipv4/icmp_echo_ignore_all":              "0",
		"ipv6/icmp/ratelimit":                    "0",
		"ipv6/conf/all/disable_ipv6":             "0",
		"ipv6/conf/default/disable_ipv6":         "0",
		"ipv6/conf/all/forwarding":               "0",
		"ipv6/conf/all/accept_dad":               "0",
		"ipv6/conf/default/accept_dad":           "0",
		"ipv6/conf/all/accept_ra":                "0",
		"ipv6/conf/default/accept_ra":            "0",
		"ipv6/conf/default/autoconf":             "0",
		"ipv6/conf/default/router_solicitations": "0",
	}
}

func forwarding() map[string]string {
	settings := maps.Clone(plainHost())
	settings["ipv4/ip_forward"] = "1"
	settings["ipv6/conf/all/forwarding"] = "1"
	return settings
}

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// routes takes pairs of prefix and gateway.
func routes(pairs ...string) []Route {
	list := make([]Route, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, Route{To: netip.MustParsePrefix(pairs[i]), Via: netip.MustParseAddr(pairs[i+1])})
	}
	return list
}
