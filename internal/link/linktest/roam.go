package linktest

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/proto"
)

// Nowhere is a network of a roaming host that leads nowhere.
const Nowhere = 255

// roamSockets is how many sockets a roaming host may open.
const roamSockets = 12

// Roamer is the underlay of a simulated host that goes from one network to another: the edge sees
// each of its sockets at 10.0.N.2, and what it sends to another network is lost.
type Roamer struct {
	simnet.PerfectRouter
	Network atomic.Uint32 // in which the host is now, at most Nowhere; 0 = in none

	mu   sync.Mutex
	free []net.PacketConn
}

// SendPacket implements simnet.Router.
func (r *Roamer) SendPacket(p simnet.Packet) error {
	now := byte(r.Network.Load())
	from, ok := p.From.(*net.UDPAddr)
	to, ok2 := p.To.(*net.UDPAddr)
	if !ok || !ok2 || now == 0 || now == Nowhere {
		return nil
	}
	if from.Port == proto.Port {
		ip := to.IP.To4()
		if ip == nil || ip[2] != now {
			return nil
		}
		p.To = roamAddr(to.Port, 0)
	} else {
		p.From = roamAddr(from.Port, now)
	}
	return r.PerfectRouter.SendPacket(p)
}

// roamAddr is where a network sees a socket of the host.
func roamAddr(port int, network byte) *net.UDPAddr {
	return &net.UDPAddr{IP: net.IPv4(10, 0, network, 2).To4(), Port: port}
}

// Open implements path.Underlay.
func (r *Roamer) Open(context.Context, string, string) (net.PacketConn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.free) == 0 {
		return nil, errors.New("no more sockets")
	}
	s := r.free[0]
	r.free = r.free[1:]
	return s, nil
}

// Resolve implements path.Underlay.
func (r *Roamer) Resolve(context.Context, string) ([]netip.Addr, error) {
	return nil, errors.New("no names")
}

// Source implements path.Underlay.
func (r *Roamer) Source(context.Context, netip.AddrPort) netip.Addr {
	if now := byte(r.Network.Load()); now != 0 {
		return netip.AddrFrom4([4]byte{10, 0, now, 2})
	}
	return netip.Addr{}
}

// Rebind implements path.Underlay.
func (r *Roamer) Rebind(string, net.PacketConn) error { return nil }

// SimulatedRoaming is SimulatedOver with a node that is in network 1 at first.
func SimulatedRoaming(t *testing.T, latency time.Duration,
	f func(t *testing.T, server, client *link.Link, r *Roamer),
) {
	synctest.Test(t, func(t *testing.T) {
		r := &Roamer{}
		r.Network.Store(1)
		n := &simnet.Simnet{Router: r}
		width := simnet.LinkSettings{MTU: 1500}
		settings := simnet.NodeBiDiLinkSettings{Latency: latency, Downlink: width, Uplink: width}
		edgeAddr := &net.UDPAddr{IP: net.IPv4(1, 0, 0, 1).To4(), Port: proto.Port}
		edge := n.NewEndpoint(edgeAddr, settings)
		sockets := []net.PacketConn{edge}
		for i := range roamSockets {
			sockets = append(sockets, n.NewEndpoint(roamAddr(4000+i, 0), settings))
		}
		r.free = sockets[1:]
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			for _, s := range sockets {
				_ = s.Close()
			}
			_ = n.Close()
		}()
		st, ct := TLS(t)
		ln, err := path.Listen("", path.Config{TLS: st, Underlay: &Socket{PacketConn: edge}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = ln.Close() }()
		client, err := path.Dial(t.Context(), "1.0.0.1:7844", path.Config{TLS: ct, Underlay: r})
		if err != nil {
			t.Fatal(err)
		}
		server, err := ln.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f(t, server, client, r)
	})
}
