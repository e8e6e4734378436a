package link_test

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/linktest"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// TestALinkFollowsItsHost tells a link of more changes of network than it has spare paths; it is the same link afterwards,
// the peer has seen it move, and nothing that was sent after a change is lost.
func TestALinkFollowsItsHost(t *testing.T) {
	t.Parallel()
	controls := make(chan string, 1000)
	server, client := linktest.Connect(t, link.Config{}, link.Config{Control: func(network, _ string, _ syscall.RawConn) error {
		controls <- network
		return nil
	}})
	heard := make(chan byte, 100)
	linktest.Run(t, server, link.Handler{Datagram: func(_ *link.Link, d []byte) packet.Reason {
		heard <- d[1]
		return packet.OK
	}})
	linktest.Run(t, client, link.Handler{})
	client.NetworkChanged(t.Context()) // nothing is new
	first := server.Remote()
	other := netip.MustParseAddr("192.0.2.7")
	ports := map[netip.AddrPort]bool{first: true}
	for i := range byte(12) {
		if i < 2 { // then it has two sockets to go between
			eventually(t, "a spare path", client.HasSpare)
		}
		client.PretendSource(other)
		client.NetworkChanged(t.Context())
		if r := client.Send(link.Urgent, []byte{byte(proto.TypePacket), i}); r != packet.OK {
			t.Fatal(r)
		}
		select {
		case got := <-heard:
			if got != i {
				t.Fatalf("heard %d, sent %d", got, i)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("change %d: nothing heard", i)
		}
		was := server.Remote()
		if i == 0 {
			eventually(t, "the peer follows", func() bool { was = server.Remote(); return was != first })
		}
		ports[was] = true
		if n, _ := client.MaxDatagram(); n > 1450 {
			t.Errorf("change %d: datagrams of %d bytes", i, n)
		}
	}
	eventually(t, "the peer follows again and again", func() bool { ports[server.Remote()] = true; return len(ports) >= 3 })
	select {
	case <-client.Done():
		t.Fatal("the link has ended")
	default:
	}
	if len(controls) < 12 {
		t.Errorf("Control was applied %d times", len(controls))
	}
}

// TestALinkWithoutNetwork: where there is no route to the peer nothing is spent.
func TestALinkWithoutNetwork(t *testing.T) {
	t.Parallel()
	server, client := linktest.Connect(t, link.Config{}, link.Config{})
	linktest.Run(t, server, link.Handler{})
	linktest.Run(t, client, link.Handler{})
	eventually(t, "a spare path", client.HasSpare)
	first := server.Remote()
	client.NetworkChanged(t.Context()) // the same source as before
	if !client.HasSpare() || server.Remote() != first {
		t.Errorf("moved from %v to %v without need", first, server.Remote())
	}
}
