package edge

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/term"
	"github.com/oneping/oneping/proto"
)

// Status is what `edge status` shows.
type Status struct {
	Edge     string            `json:"edge"` // id
	Version  string            `json:"version"`
	Started  time.Time         `json:"started"`
	Listen   netip.AddrPort    `json:"listen"`
	Hops     []netip.Addr      `json:"hops"`
	Silent   bool              `json:"silent,omitempty"`
	Tunnels  []TunnelStatus    `json:"tunnels"`
	Devices  []NodeStatus      `json:"devices"` // connected ones
	Routes   int               `json:"routes"`
	Sessions int               `json:"udp_sessions"` // live UDP sessions
	Flows    int               `json:"tcp_flows"`    // live TCP flows
	Held     flow.Usage        `json:"tcp_memory"`   // what these hold
	Reasons  map[string]uint64 `json:"reasons"`      // what became of packets, sessions and flows
	Refused  map[string]uint64 `json:"refused"`      // connections before their handshake, by reason
	Memory   MemoryStatus      `json:"memory"`
	Store    state.Health      `json:"store"` // whether changes can be written
	// Clock says what is wrong with this machine's clock; "" where nothing is.
	Clock string `json:"clock,omitempty"`
	// LogLost is how many lines of the log nobody took.
	LogLost uint64 `json:"log_lines_lost,omitempty"`
	// Pools are where devices get their addresses, by family.
	Pools []PoolStatus   `json:"pools"`
	New   []NewConnector `json:"new_connectors"` // of the last day, beside others of their tunnel
}

// TunnelStatus is one tunnel with its connected connectors.
type TunnelStatus struct {
	ID         string       `json:"id"`
	Name       string       `json:"name"`
	Connectors []NodeStatus `json:"connectors"`
}

// NodeStatus is one connected node.
type NodeStatus struct {
	ID       string       `json:"id"`
	User     string       `json:"user,omitempty"`
	Addrs    []netip.Addr `json:"addrs,omitempty"`
	Hostname string       `json:"hostname"`
	OS       string       `json:"os"`
	Version  string       `json:"version"`
	ICMP     string       `json:"icmp,omitempty"` // a connector's way to send ICMP
	// ClockAhead is how far the node's clock was ahead of the edge's when it connected, in seconds; 0
	// where the two did not differ by some seconds.
	ClockAhead float64   `json:"clock_ahead_seconds,omitempty"`
	Link       link.Info `json:"link"`
	// Configuration is how far a device is with what it is to capture; nil for a connector.
	Configuration *proto.Progress `json:"configuration,omitempty"`
}

// Status returns what is going on. It needs an edge that is Ready.
func (e *Edge) Status() Status {
	sn := e.store.Snapshot()
	s := Status{
		Edge: e.authority.ID(), Version: e.cfg.Version, Started: term.Moment(e.started), Listen: e.listener.Addr(), Hops: e.hops, Silent: e.cfg.Silent,
		Routes: len(sn.Routes), Sessions: e.relay.Sessions(), Flows: e.relay.Flows(), Reasons: e.relay.Counters().Snapshot(),
		Refused: e.authority.Refused().Snapshot(), Memory: e.watch.status(), Held: e.relay.Memory(), Store: e.store.Health(),
		Clock:   e.store.ClockTrouble(),
		LogLost: obs.Lost(e.cfg.Log), Tunnels: []TunnelStatus{}, Devices: []NodeStatus{}, New: e.newConnectors(sn, time.Now()), Pools: e.pools(sn),
	}
	connectors := make(map[string][]NodeStatus)
	for _, n := range e.acceptor.nodes.all() {
		st := n.status()
		if n.id.Role == proto.RoleConnector {
			connectors[n.id.Tunnel] = append(connectors[n.id.Tunnel], st)
			continue
		}
		s.Devices = append(s.Devices, st)
	}
	for id, t := range sn.Tunnels {
		s.Tunnels = append(s.Tunnels, TunnelStatus{ID: id, Name: t.Name, Connectors: append([]NodeStatus{}, connectors[id]...)})
	}
	slices.SortFunc(s.Tunnels, func(a, b TunnelStatus) int { return strings.Compare(a.Name, b.Name) })
	return s
}

// Ready returns nil when nodes can connect and changes be made, else an error that says what is
// missing.
func (s *Status) Ready() error {
	if !s.Listen.IsValid() || len(s.Hops) == 0 {
		return local.NotReady("the edge does not listen", "", "the edge's log says why")
	}
	if s.Store.Error != "" {
		return local.NotReady("changes cannot be written", s.Store.Error, s.Store.Hint)
	}
	return nil
}

func (n *nodeLink) status() NodeStatus {
	newest, applied := n.conf.state()
	n.mu.Lock()
	defer n.mu.Unlock()
	s := NodeStatus{
		ID: n.id.ID, User: newest.User, Addrs: newest.Addrs, Hostname: n.hello.Hostname, OS: n.hello.OS, Version: n.hello.Version,
		ICMP: n.hello.ICMP, Link: n.l.Info(), ClockAhead: n.clockAhead.Seconds(),
	}
	if n.id.Role == proto.RoleClient {
		s.Configuration = &proto.Progress{Applied: applied.Number, Newest: newest.Number, Error: applied.Error}
	}
	return s
}
