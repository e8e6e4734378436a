package holder

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/oneping/oneping/internal/lab"
	"github.com/oneping/oneping/internal/local"
)

// status describes the lab as it is now.
func (h *holder) status() lab.Status {
	status := lab.Status{
		Name: h.charter.Options.Name, Rootless: h.charter.Rootless, Started: h.started,
		Ready: time.Duration(h.ready.Load()), Dir: lab.Dir, Links: []lab.LinkStatus{},
	}
	status.Target, _ = lab.Server(h.charter.Options.Routers)
	for _, node := range h.network.topology.Nodes {
		status.Nodes = append(status.Nodes, h.nodeStatus(node))
	}
	for _, link := range h.network.topology.Links {
		if link.Shape != (lab.Shape{}) {
			status.Links = append(status.Links, lab.LinkStatus{Name: link.Name(), Shape: link.Shape})
		}
	}
	return status
}

func (h *holder) nodeStatus(node lab.Node) lab.NodeStatus {
	status := lab.NodeStatus{Name: node.Name, Kind: node.Kind, User: node.User, State: lab.StateUp}
	for _, link := range h.network.topology.Links {
		for _, pair := range [][2]lab.End{{link.A, link.B}, {link.B, link.A}} {
			if pair[0].Node == node.Name {
				status.Devices = append(status.Devices, lab.DeviceStatus{
					Name: pair[0].Device, Peer: pair[1].Node, Addrs: append([]netip.Prefix{}, pair[0].Addrs...),
				})
			}
		}
	}
	if len(node.Loopback) > 0 {
		status.Devices = append(status.Devices, lab.DeviceStatus{Name: "lo", Addrs: append([]netip.Prefix{}, node.Loopback...)})
	}
	role, ok := h.cast.roles[node.Name]
	if !ok {
		if h.isDown(node) {
			status.State = lab.StateDown
		}
		return status
	}
	now := role.snapshot()
	status.Role, status.StateDir = roleOf(node.Kind), stateDir(&node)
	status.State, status.Ready, status.Since = now.state, now.ready, now.since
	switch now.state {
	case lab.StateRunning:
		status.PID = now.pid
		if node.Kind != lab.KindEdge && now.ready {
			status.Linked = askLinked(&node)
		}
	case lab.StateStopped, lab.StateExited:
		status.ExitCode = &now.exit
	}
	return status
}

// askWait bounds how long a role may take to say whether it has a link.
const askWait = 2 * time.Second

// askLinked asks the role of a node whether it has a link to the edge.
func askLinked(node *lab.Node) *bool {
	ctx, cancel := context.WithTimeout(context.Background(), askWait)
	defer cancel()
	var said struct {
		Up *bool `json:"up"`
	}
	if err := local.Get(ctx, local.Socket(stateDir(node)), roleOf(node.Kind), "/v1/status", &said); err != nil {
		return nil
	}
	return said.Up
}

// isDown asks the kernel: somebody may have set a device down by hand.
func (h *holder) isDown(node lab.Node) bool {
	down := false
	_ = h.network.spaces[node.Name].do(func() error {
		for _, end := range h.network.topology.Ends(node.Name) {
			link, err := netlink.LinkByName(end.Device)
			down = down || err != nil || link.Attrs().Flags&net.FlagUp == 0
		}
		return nil
	})
	return down
}
