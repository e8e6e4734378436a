package path_test

import (
	"context"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/linktest"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// movingHost is this host, which says that it speaks from another address each time that it is
// moved.
type movingHost struct {
	path.Kernel
	moved atomic.Uint32
}

func (h *movingHost) Source(context.Context, netip.AddrPort) netip.Addr {
	return netip.AddrFrom4([4]byte{192, 0, 2, byte(h.moved.Load())})
}

// connectWatched is linktest.Connect over loopback on that underlay; hasSpare says whether the node
// has a spare path.
func connectWatched(t *testing.T, u path.Underlay) (server, client *link.Link, hasSpare func() bool) {
	t.Helper()
	st, ct := linktest.TLS(t)
	ln, err := path.Listen("127.0.0.1:0", path.Config{TLS: st})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	client, hasSpare, err = path.DialWatched(t.Context(), ln.Addr().String(), path.Config{TLS: ct, Underlay: u})
	if err != nil {
		t.Fatal(err)
	}
	if server, err = ln.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	return server, client, hasSpare
}

// TestALinkFollowsItsHost tells a link of more changes of network than it has spare paths; it is
// the same link afterwards, the peer has seen it move, and nothing that was sent after a change is
// lost.
func TestALinkFollowsItsHost(t *testing.T) {
	t.Parallel()
	controls := make(chan string, 1000)
	host := &movingHost{Kernel: path.Kernel{Control: func(network, _ string, _ syscall.RawConn) error {
		controls <- network
		return nil
	}}}
	server, client, hasSpare := connectWatched(t, host)
	heard := make(chan byte, 100)
	linktest.Run(t, server, link.Handler{Datagram: func(_ *link.Link, d []byte) packet.Reason {
		heard <- d[1]
		return packet.OK
	}})
	linktest.Run(t, client, link.Handler{})
	client.NetworkChanged(t.Context()) // nothing is new
	first := server.Remote()
	ports := map[netip.AddrPort]bool{first: true}
	for i := range byte(12) {
		if i < 2 { // then it has two sockets to go between
			linktest.Eventually(t, "a spare path", hasSpare)
		}
		host.moved.Add(1)
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
			linktest.Eventually(t, "the peer follows", func() bool { was = server.Remote(); return was != first })
		}
		ports[was] = true
		if n, _ := client.MaxDatagram(); n > 1450 {
			t.Errorf("change %d: datagrams of %d bytes", i, n)
		}
	}
	linktest.Eventually(t, "the peer follows again and again", func() bool { ports[server.Remote()] = true; return len(ports) >= 3 })
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
	server, client, hasSpare := connectWatched(t, path.Kernel{})
	linktest.Run(t, server, link.Handler{})
	linktest.Run(t, client, link.Handler{})
	linktest.Eventually(t, "a spare path", hasSpare)
	first := server.Remote()
	client.NetworkChanged(t.Context()) // the same source as before
	if !hasSpare() || server.Remote() != first {
		t.Errorf("moved from %v to %v without need", first, server.Remote())
	}
}
