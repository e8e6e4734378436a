package sim

import (
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"
)

// network is the underlay. What it does to packets can change at any time.
type network struct {
	simnet.PerfectRouter

	mu      sync.Mutex
	rng     *rand.Rand
	loss    float64         // share of packets that vanish
	reorder float64         // share that is held back
	hold    time.Duration   // for up to this long
	cut     map[string]bool // addresses that nothing leaves and nothing reaches
	closed  bool
	pending sync.WaitGroup // packets that are held back
}

func newNetwork() *network {
	return &network{rng: rand.New(rand.NewPCG(1, 2)), cut: make(map[string]bool)}
}

// set changes loss and reordering.
func (n *network) set(loss, reorder float64, hold time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.loss, n.reorder, n.hold = loss, reorder, hold
}

// sever cuts an address off, or connects it again.
func (n *network) sever(addr string, off bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[addr] = off
}

// SendPacket loses p, holds it back, or passes it on.
func (n *network) SendPacket(p simnet.Packet) error {
	n.mu.Lock()
	lost := n.closed || n.cut[p.From.String()] || n.cut[p.To.String()] || n.rng.Float64() < n.loss
	var late time.Duration
	if n.rng.Float64() < n.reorder {
		late = time.Duration(n.rng.Int64N(int64(n.hold)))
	}
	if !lost && late > 0 {
		n.pending.Add(1)
	}
	n.mu.Unlock()
	switch {
	case lost:
		return nil
	case late > 0:
		time.AfterFunc(late, func() {
			defer n.pending.Done()
			_ = n.PerfectRouter.SendPacket(p) // nobody there: as lost
		})
		return nil
	}
	_ = n.PerfectRouter.SendPacket(p)
	return nil
}

// close ends the network and waits for what is still on its way.
func (n *network) close() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.pending.Wait()
}

// endpoint is a host's UDP socket, 5 ms from the core of the network.
func endpoint(s *simnet.Simnet, addr string) (*simnet.SimConn, error) {
	udp, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return nil, err
	}
	udp.IP = udp.IP.To4()
	return s.NewEndpoint(udp, simnet.NodeBiDiLinkSettings{Latency: 5 * time.Millisecond}), nil
}
