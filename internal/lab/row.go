package lab

import (
	"fmt"
	"net/netip"
)

// With routers behind the connector, private subnet 0 joins the connector and r1,
// subnet i joins ri and r(i+1), and the last one has the switch with the server.
// The classic subnet is number 0, so that without routers nothing changes.
const (
	RowV4 = "172.16.0.0/19"          // all private subnets of a row
	RowV6 = "fd6f:6e65:7069:10::/60" //
)

// rowPrefixes are the addresses of a host in private subnet i: 172.16.1i.host and
// the like out of fd6f:6e65:7069:1i::/64.
func rowPrefixes(i, host int) []netip.Prefix {
	return prefixes(fmt.Sprintf("172.16.%d.%d/24", 10+i, host), fmt.Sprintf("%s:%d::%d/64", ulaPrefix, 10+i, host))
}

func rowAddr(i, host int) (v4, v6 netip.Addr) {
	both := rowPrefixes(i, host)
	return both[0].Addr(), both[1].Addr()
}

// Server returns the application server's addresses behind that many routers.
func Server(routers int) (v4, v6 netip.Addr) { return rowAddr(routers, 120) }

// Inner returns what the edge routes to the connector, one prefix a family.
func (o Options) Inner() [2]string {
	if o.Routers == 0 {
		return [2]string{LANV4, LANV6}
	}
	return [2]string{RowV4, RowV6}
}

// addRow puts routers r1 to rn between the connector and the switch. Toward the
// server each knows the way to everything, the last one only to its own links: it
// answers for what does not exist.
func (t *Topology) addRow(n int) {
	if n == 0 {
		return
	}
	connector, _ := t.Node("connector")
	connector.Routes = append(connector.Routes, via(captured(), 0, 1)...)
	left := End{"connector", deviceLAN, prefixes(ConnectorV4+"/24", ConnectorV6+"/64")}
	for i := 1; i <= n; i++ {
		name := fmt.Sprintf("r%d", i)
		node := Node{Name: name, Kind: KindRouter, Sysctls: forwarding()}
		if i < n {
			node.Routes = via(captured(), i, 2)
		}
		for j := range i - 1 {
			node.Routes = append(node.Routes, via(subnet(j), i-1, 1)...)
		}
		t.Nodes = append(t.Nodes, node)
		t.Links = append(t.Links, Link{A: left, B: End{name, "to-" + left.Node, rowPrefixes(i-1, leftHost(i))}})
		left = End{name, fmt.Sprintf("to-r%d", i+1), rowPrefixes(i, 1)}
	}
	left.Device = "to-lan"
	t.Links = append(t.Links, Link{A: left, B: End{Node: "lan", Device: "to-" + left.Node}})
}

// leftHost is the host number of ri in the subnet before it, in which .1 is the
// router before it or, in the connector's subnet, r1 itself.
func leftHost(i int) int {
	if i == 1 {
		return 1
	}
	return 2
}

func captured() []netip.Prefix { return prefixes(CaptureV4, CaptureV6) }

// subnet returns the two prefixes of private subnet i.
func subnet(i int) []netip.Prefix {
	both := rowPrefixes(i, 0)
	return []netip.Prefix{both[0].Masked(), both[1].Masked()}
}

// via sends prefixes to a host of private subnet i, each to its address of the
// same family.
func via(to []netip.Prefix, i, host int) []Route {
	v4, v6 := rowAddr(i, host)
	list := make([]Route, len(to))
	for k, prefix := range to {
		list[k] = Route{To: prefix, Via: v4}
		if prefix.Addr().Is6() {
			list[k].Via = v6
		}
	}
	return list
}
