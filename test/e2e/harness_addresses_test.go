//go:build linux

package e2e

import (
	"net/netip"
	"strings"
)

// The addresses of the classic example (internal/lab).
const (
	edgeV4       = "172.68.101.57" // the edge's hop address
	connectorV4  = "172.16.10.100"
	serverV4     = "172.16.10.120"
	host2V4      = "172.16.10.121"
	edgeV6       = "fd6f:6e65:7069:101::57"
	connectorV6  = "fd6f:6e65:7069:10::100"
	serverV6     = "fd6f:6e65:7069:10::120"
	host2V6      = "fd6f:6e65:7069:10::121"
	edgeDialV4   = "192.0.2.1"    // where nodes dial the edge
	laptopDialV4 = "198.51.100.2" // from where the laptop does
)

const edgeDialV6 = "fd6f:6e65:7069:400::1"

// The prefixes that laptops capture, and what else may never be seen on their wire.
var private = []netip.Prefix{
	netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("fd6f:6e65:7069:10::/60"), // captured
	netip.MustParsePrefix(edgeV4 + "/32"), netip.MustParsePrefix(edgeV6 + "/128"), // hop addresses
	netip.MustParsePrefix("100.96.0.0/12"), netip.MustParsePrefix("fd5d:b819:e7c4::/48"), // devices' own
}

// deviceAddr returns the laptop's own address inside, of one family.
func (l *lab) deviceAddr(f family) string {
	l.t.Helper()
	var s struct {
		Addrs []netip.Addr `json:"addrs"`
	}
	l.json("laptop", &s, "oneping", "client", "status", "--json")
	for _, a := range s.Addrs {
		if a.Is4() == (f.flag == "-4") {
			return a.String()
		}
	}
	l.t.Fatalf("no address for %s among %v", f.flag, s.Addrs)
	return ""
}

// family is what a test of both families needs of each.
type family struct {
	flag                    string
	edge, connector, server string
	subnet                  string
}

var families = []family{
	{"-4", edgeV4, connectorV4, serverV4, "172.16.10.0/24"},
	{"-6", edgeV6, connectorV6, serverV6, "fd6f:6e65:7069:10::/64"},
}

// Addresses of a lab with two routers behind the connector, by family.
var rows = map[string][]string{
	"-4": {edgeV4, connectorV4, "172.16.10.1", "172.16.11.2", "172.16.12.120"},
	"-6": {edgeV6, connectorV6, "fd6f:6e65:7069:10::1", "fd6f:6e65:7069:11::2", "fd6f:6e65:7069:12::120"},
}

const tunName = "oneping0" // the client's device on a laptop

// hostPort joins an address and a port as every program takes them.
func (l *lab) hostPort(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + port
}

// host returns the address of the n-th server at the end of a row: .120 is the first.
func host(row []string, n int) string {
	addr := netip.MustParseAddr(row[4])
	for range n - 1 {
		addr = addr.Next()
	}
	return addr.String()
}
