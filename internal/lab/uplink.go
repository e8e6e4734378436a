package lab

import "fmt"

// uplinkMetric is that of the routes by the second uplink: the first is preferred, as a cable is to
// Wi-Fi. IPv6 without a metric has 1024.
const uplinkMetric = 2000

// addSecondUplink gives laptop i (from 0) a second link, eth1, straight to the edge, with routes
// that hold when those of the first one go. What breaks the first is up to the test: its state, its
// address, its routes.
func (t *Topology) addSecondUplink(i int) {
	name := numbered("laptop", i)
	gateway4, gateway6 := fmt.Sprintf("192.0.2.%d", 16*i+17), fmt.Sprintf("%s:5%02x::1", ulaPrefix, i)
	t.Links = append(t.Links, Link{
		A: End{name, deviceSecond, prefixes(fmt.Sprintf("192.0.2.%d/28", 16*i+18), fmt.Sprintf("%s:5%02x::2/64", ulaPrefix, i))},
		B: End{"edge", "to-" + name + "-2", prefixes(gateway4+"/28", gateway6+"/64")},
	})
	node, _ := t.Node(name)
	for _, r := range append(routes(EdgeV4+"/32", gateway4, EdgeV6+"/128", gateway6),
		routes("0.0.0.0/0", gateway4, "::/0", gateway6)...) {
		r.Metric = uplinkMetric
		node.Routes = append(node.Routes, r)
	}
}
