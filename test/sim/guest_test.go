package sim

import (
	"net/netip"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// guest is one more laptop, of a user of its own.
type guest struct {
	id, socket string
	addr       netip.Addr
	dev        *device
	client     *role
}

// newGuest returns the n-th further laptop.
func newGuest(n byte) *guest {
	return &guest{
		id: "guest" + string('0'+n), addr: netip.AddrFrom4([4]byte{100, 96, 1, n}),
		socket: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, n}), 40000).String(),
	}
}

// startGuest starts the client of g and waits for its link.
func (w *world) startGuest(g *guest) {
	g.dev = newDevice()
	g.client = w.runClient(g.id, g.socket, g.dev)
	<-g.client.ready
}

// ask lets g send one payload to the server's echo port from each of n ports from first on, and
// returns how many ports were answered.
func (g *guest) ask(first, n int) int {
	for i := range n {
		g.dev.send(packet.AppendUDP(nil, &packet.UDPPacket{
			Src: netip.AddrPortFrom(g.addr, uint16(first+i)), Dst: netip.AddrPortFrom(server4, 7), Payload: []byte("hello"),
		}))
		time.Sleep(time.Millisecond)
	}
	time.Sleep(time.Second)
	ports := make(map[uint16]bool)
	for _, a := range g.dev.take() {
		if a.Class == packet.ClassUDP && a.Src == server4 {
			ports[a.DstPort] = true
		}
	}
	return len(ports)
}
