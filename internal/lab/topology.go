package lab

import (
	"fmt"
	"net/netip"
	"strings"
)

// Kind is what a node is for.
type Kind string

// The kinds of nodes.
const (
	KindLaptop    Kind = "laptop"    // runs oneping client
	KindEdge      Kind = "edge"      // runs oneping edge
	KindConnector Kind = "connector" // runs oneping connector
	KindHost      Kind = "host"      // a machine of the private subnet
	KindRouter    Kind = "router"    // forwards IP
	KindSwitch    Kind = "switch"    // forwards frames: a bridge
)

// Topology is a lab as data.
type Topology struct {
	Nodes []Node
	Links []Link
}

// Node is one machine: a network namespace.
type Node struct {
	Name string
	Kind Kind
	// User is whose laptop it is.
	User string
	// Loopback addresses live on lo.
	Loopback []netip.Prefix
	Routes   []Route
	// Sysctls below /proc/sys/net, by path, written after the links exist.
	Sysctls map[string]string
}

// Route sends a prefix to a neighbour.
type Route struct {
	To  netip.Prefix
	Via netip.Addr // invalid: To is on the link of Device
	// Device is given where there is no neighbour to find it by.
	Device string
	// Src is what the node calls itself toward To; invalid leaves that to the
	// kernel.
	Src netip.Addr
	// Metric: the least wins; 0 is the kernel's default, 0 for IPv4 and 1024 for IPv6.
	Metric int
}

// Link joins two nodes.
type Link struct {
	A, B  End
	Shape Shape
}

// End is one end of a link: a device in a node.
type End struct {
	Node   string
	Device string
	Addrs  []netip.Prefix
}

// Name returns "a-b", as ParseLink takes it.
func (l Link) Name() string { return l.A.Node + "-" + l.B.Node }

func (l Link) joins(a, b string) bool {
	return l.A.Node == a && l.B.Node == b || l.A.Node == b && l.B.Node == a
}

// Node returns the node of that name.
func (t *Topology) Node(name string) (*Node, bool) {
	for i := range t.Nodes {
		if t.Nodes[i].Name == name {
			return &t.Nodes[i], true
		}
	}
	return nil, false
}

// OfKind returns the nodes of one kind, in order.
func (t *Topology) OfKind(kind Kind) []*Node {
	var nodes []*Node
	for i := range t.Nodes {
		if t.Nodes[i].Kind == kind {
			nodes = append(nodes, &t.Nodes[i])
		}
	}
	return nodes
}

// Ends returns the link ends of a node, in order.
func (t *Topology) Ends(node string) []End {
	var ends []End
	for _, l := range t.Links {
		for _, end := range []End{l.A, l.B} {
			if end.Node == node {
				ends = append(ends, end)
			}
		}
	}
	return ends
}

// shape applies the link options; an option that names no link is an error that
// lists those that exist.
func (t *Topology) shape(options []LinkOption) error {
	for _, opt := range options {
		link := t.link(opt.A, opt.B)
		if link == nil {
			return fmt.Errorf("link %s-%s: no such link; there are %s", opt.A, opt.B, strings.Join(t.linkNames(), ", "))
		}
		link.Shape = opt.Shape
	}
	return nil
}

func (t *Topology) link(a, b string) *Link {
	for i := range t.Links {
		if t.Links[i].joins(a, b) {
			return &t.Links[i]
		}
	}
	return nil
}

func (t *Topology) linkNames() []string {
	names := make([]string, len(t.Links))
	for i, l := range t.Links {
		names[i] = l.Name()
	}
	return names
}
