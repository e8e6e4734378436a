package linktest

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/proto"
)

// Cable is a simulated network that can be cut.
type Cable struct {
	simnet.Router
	Cut  chan struct{} // closed: for good
	Hold atomic.Bool   // cut for a while
	// LoseToEdge and LoseToNode are of how many packets in this direction one is lost; 0 = none is.
	LoseToEdge, LoseToNode atomic.Int64

	passed [2]atomic.Int64
}

// lost says whether p is one of those that are lost.
func (c *Cable) lost(p simnet.Packet) bool {
	way, each := 0, c.LoseToNode.Load()
	if to, ok := p.To.(*net.UDPAddr); ok && to.Port == proto.Port {
		way, each = 1, c.LoseToEdge.Load()
	}
	return each > 0 && c.passed[way].Add(1)%each == 0
}

// SendPacket implements simnet.Router.
func (c *Cable) SendPacket(p simnet.Packet) error {
	if c.Hold.Load() || c.lost(p) {
		return nil
	}
	select {
	case <-c.Cut:
		return nil
	default:
		return c.Router.SendPacket(p)
	}
}

// Simulated runs f with both ends of a link in virtual time.
func Simulated(t *testing.T, node path.Config, f func(t *testing.T, server, client *link.Link, c *Cable)) {
	SimulatedOver(t, 10*time.Millisecond, path.Config{}, node, f)
}

// SimulatedEdge is Simulated with an edge of that configuration.
func SimulatedEdge(t *testing.T, edge, node path.Config, f func(t *testing.T, server, client *link.Link, c *Cable)) {
	SimulatedOver(t, 10*time.Millisecond, edge, node, f)
}

// SimulatedOver is Simulated with another latency at each end.
func SimulatedOver(t *testing.T, latency time.Duration, edge, node path.Config, f func(t *testing.T, server, client *link.Link, c *Cable)) {
	synctest.Test(t, func(t *testing.T) {
		c := &Cable{Router: &simnet.PerfectRouter{}, Cut: make(chan struct{})}
		n := &simnet.Simnet{Router: c}
		settings := simnet.NodeBiDiLinkSettings{
			Latency: latency, Downlink: simnet.LinkSettings{MTU: 1500}, Uplink: simnet.LinkSettings{MTU: 1500},
		}
		edgeSock := n.NewEndpoint(&net.UDPAddr{IP: net.IPv4(1, 0, 0, 1).To4(), Port: proto.Port}, settings)
		nodeSock := n.NewEndpoint(&net.UDPAddr{IP: net.IPv4(1, 0, 0, 2).To4(), Port: 4000}, settings)
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			_ = edgeSock.Close()
			_ = nodeSock.Close()
			_ = n.Close()
		}()
		st, ct := TLS(t)
		edge.TLS, edge.Underlay = st, &Socket{PacketConn: edgeSock}
		ln, err := path.Listen("", edge)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = ln.Close() }()
		node.TLS, node.Underlay = ct, &Socket{PacketConn: nodeSock}
		client, err := path.Dial(t.Context(), "1.0.0.1:7844", node)
		if err != nil {
			t.Fatal(err)
		}
		server, err := ln.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f(t, server, client, c)
	})
}

// Both runs both ends, and stops them.
func Both(t *testing.T, server, client *link.Link, hs, hc link.Handler) (stop func() (server, client error)) {
	ctx, cancel := context.WithCancel(t.Context())
	es, ec := make(chan error, 1), make(chan error, 1)
	go func() { es <- server.Run(ctx, hs) }()
	go func() { ec <- client.Run(ctx, hc) }()
	return func() (error, error) {
		cancel()
		return <-es, <-ec
	}
}
