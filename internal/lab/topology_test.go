package lab

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func classic(t *testing.T, o Options) *Topology {
	t.Helper()
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	topology, err := Classic(o)
	if err != nil {
		t.Fatal(err)
	}
	return topology
}

func TestClassicIsTheExample(t *testing.T) {
	topology := classic(t, Options{})
	var names []string
	for _, node := range topology.Nodes {
		names = append(names, node.Name)
	}
	if diff := cmp.Diff([]string{"edge", "laptop", "connector", "lan", "server"}, names); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"laptop-edge", "edge-connector", "connector-lan", "server-lan"}, topology.linkNames()); diff != "" {
		t.Error(diff)
	}
	lan := topology.Ends("connector")[1]
	want := End{"connector", "lan0", prefixes("172.16.10.100/24", "fd6f:6e65:7069:10::100/64")}
	if diff := cmp.Diff(want, lan, cmp.Comparer(samePrefix)); diff != "" {
		t.Error(diff)
	}
	server := topology.Ends("server")[0]
	if diff := cmp.Diff(prefixes("172.16.10.120/24", "fd6f:6e65:7069:10::120/64"), server.Addrs, cmp.Comparer(samePrefix)); diff != "" {
		t.Error(diff)
	}
	if node, _ := topology.Node("server"); len(node.Routes) != 0 {
		t.Errorf("the server has routes %v: it must need none", node.Routes)
	}
}

func samePrefix(a, b netip.Prefix) bool { return a == b }

// TestAddresses asserts what every topology needs: no address twice, both ends of
// a link in one network, every gateway on a link of its node.
func TestAddresses(t *testing.T) {
	for name, o := range map[string]Options{
		"classic": {},
		"all":     {Laptops: MaxLaptops, Hosts: MaxHosts, Router: true},
		"many":    {Laptops: MaxLaptops, Hosts: MaxHosts},
		"uplinks": {Laptops: MaxLaptops, SecondUplink: true},
		"both":    {Laptops: 2, SecondUplink: true, Router: true},
		"row":     {Laptops: MaxLaptops, Hosts: MaxHosts, Routers: MaxRouters},
		"plain":   {Laptops: 2, Hosts: 2, Plain: true},
		"routers": {Laptops: 2, Hosts: 2, Plain: true, Router: true, Routers: 3},
	} {
		t.Run(name, func(t *testing.T) { checkAddresses(t, classic(t, o)) })
	}
}

func checkAddresses(t *testing.T, topology *Topology) {
	t.Helper()
	owner := map[netip.Addr]string{}
	devices := map[string]bool{}
	for _, link := range topology.Links {
		for _, end := range []End{link.A, link.B} {
			if len(end.Device) > 15 || devices[end.Node+" "+end.Device] {
				t.Errorf("%s: device %q is too long or there twice", end.Node, end.Device)
			}
			devices[end.Node+" "+end.Device] = true
			for _, prefix := range end.Addrs {
				if other := owner[prefix.Addr()]; other != "" {
					t.Errorf("%s belongs to %s and %s", prefix.Addr(), other, end.Node)
				}
				owner[prefix.Addr()] = end.Node
			}
		}
		for i := range min(len(link.A.Addrs), len(link.B.Addrs)) {
			if link.A.Addrs[i].Masked() != link.B.Addrs[i].Masked() {
				t.Errorf("%s: %s and %s are not one network", link.Name(), link.A.Addrs[i], link.B.Addrs[i])
			}
		}
	}
	for _, node := range topology.Nodes {
		for _, route := range node.Routes {
			if route.Device != "" {
				if !devices[node.Name+" "+route.Device] || route.Via.IsValid() {
					t.Errorf("%s: route %+v", node.Name, route)
				}
				continue
			}
			if !reachable(topology.Ends(node.Name), route.Via) {
				t.Errorf("%s: gateway %s of %s is on none of its links", node.Name, route.Via, route.To)
			}
		}
	}
}

func reachable(ends []End, via netip.Addr) bool {
	for _, end := range ends {
		for _, prefix := range end.Addrs {
			if prefix.Contains(via) {
				return true
			}
		}
	}
	return false
}

// TestUnderlayIsNotCaptured: what carries the links must not go into them.
func TestUnderlayIsNotCaptured(t *testing.T) {
	captured := prefixes(CaptureV4, CaptureV6, HopV4+"/32", HopV6+"/128")
	topology := classic(t, Options{Laptops: MaxLaptops, Router: true})
	for _, link := range topology.Links {
		if link.A.Node == "connector" || link.B.Node == "lan" {
			continue
		}
		for _, addr := range link.A.Addrs {
			for _, prefix := range captured {
				if prefix.Overlaps(addr) {
					t.Errorf("%s of %s is captured by %s", addr, link.Name(), prefix)
				}
			}
		}
	}
	for _, lan := range prefixes(LANV4, LANV6) {
		if !captured[0].Overlaps(lan) && !captured[1].Overlaps(lan) {
			t.Errorf("%s is not captured", lan)
		}
	}
}

func TestLinkOptionReachesItsLink(t *testing.T) {
	opt, err := ParseLink("edge-laptop:mtu=1280") // ends in the other order
	if err != nil {
		t.Fatal(err)
	}
	topology := classic(t, Options{Links: []LinkOption{opt}})
	if got := topology.link("laptop", "edge").Shape; got != (Shape{MTU: 1280}) {
		t.Errorf("shape = %+v", got)
	}
}

func TestUsers(t *testing.T) {
	topology := classic(t, Options{Laptops: 5})
	var users []string
	for _, node := range topology.OfKind(KindLaptop) {
		users = append(users, node.Name+" "+node.User)
	}
	want := []string{
		"laptop alice@example.com", "laptop2 bob@example.com", "laptop3 carol@example.com",
		"laptop4 dave@example.com", "laptop5 user5@example.com",
	}
	if diff := cmp.Diff(want, users); diff != "" {
		t.Error(diff)
	}
}
