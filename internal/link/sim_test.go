package link_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/linktest"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// cable is a simulated network that can be cut.
type cable struct {
	simnet.Router
	cut  chan struct{}
	hold atomic.Bool // cut for a while
}

func (c *cable) SendPacket(p simnet.Packet) error {
	if c.hold.Load() {
		return nil
	}
	select {
	case <-c.cut:
		return nil
	default:
		return c.Router.SendPacket(p)
	}
}

// simulated runs f with both ends of a link in virtual time.
func simulated(t *testing.T, node link.Config, f func(t *testing.T, server, client *link.Link, c *cable)) {
	simulatedOver(t, 10*time.Millisecond, link.Config{}, node, f)
}

// simulatedEdge is simulated with an edge of that configuration.
func simulatedEdge(t *testing.T, edge, node link.Config, f func(t *testing.T, server, client *link.Link, c *cable)) {
	simulatedOver(t, 10*time.Millisecond, edge, node, f)
}

// simulatedOver is simulated with another latency at each end.
func simulatedOver(t *testing.T, latency time.Duration, edge, node link.Config, f func(t *testing.T, server, client *link.Link, c *cable)) {
	synctest.Test(t, func(t *testing.T) {
		c := &cable{Router: &simnet.PerfectRouter{}, cut: make(chan struct{})}
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
		st, ct := linktest.TLS(t)
		edge.TLS, edge.Socket = st, edgeSock
		ln, err := link.Listen("", edge)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = ln.Close() }()
		node.TLS, node.Socket = ct, nodeSock
		client, err := link.Dial(t.Context(), "1.0.0.1:7844", node)
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

// both runs both ends, and stops them.
func both(t *testing.T, server, client *link.Link, hs, hc link.Handler) (stop func() (server, client error)) {
	ctx, cancel := context.WithCancel(t.Context())
	es, ec := make(chan error, 1), make(chan error, 1)
	go func() { es <- server.Run(ctx, hs) }()
	go func() { ec <- client.Run(ctx, hc) }()
	return func() (error, error) {
		cancel()
		return <-es, <-ec
	}
}

func TestALostPeerIsNoticedAfterTheIdleTime(t *testing.T) {
	for _, c := range []struct {
		keepAlive time.Duration
		text      string
		after     time.Duration
	}{
		{0, "nothing heard for 5s", 5 * time.Second},
		{15 * time.Second, "nothing heard for 1m1s", 61 * time.Second},
	} {
		simulated(t, link.Config{KeepAlive: c.keepAlive}, func(t *testing.T, server, client *link.Link, cable *cable) {
			ended := make(chan error, 1)
			go func() { ended <- client.Run(t.Context(), link.Handler{}) }()
			go func() { _ = server.Run(t.Context(), link.Handler{}) }()
			time.Sleep(time.Hour)
			select {
			case err := <-ended:
				t.Fatal("an idle link ended:", err)
			default:
			}
			close(cable.cut)
			cut := time.Now()
			err := <-ended
			period := max(c.keepAlive, time.Second)
			// Counted from the last packet heard, or the first one sent after it.
			if d := time.Since(cut); d > c.after+period+time.Second || d < c.after-period-time.Second {
				t.Errorf("noticed after %v, want about %v", d, c.after)
			}
			if !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %q, want %q in it", err, c.text)
			}
			<-server.Done()
		})
	}
}

func TestALinkInUseNoticesItsLossSoonerThanAnIdleOne(t *testing.T) {
	simulated(t, link.Config{KeepAlive: 15 * time.Second}, func(t *testing.T, server, client *link.Link, cable *cable) {
		ended := make(chan error, 1)
		go func() { ended <- client.Run(t.Context(), link.Handler{}) }()
		go func() {
			_ = server.Run(t.Context(), link.Handler{Datagram: func(*link.Link, []byte) packet.Reason { return packet.OK }})
		}()
		time.Sleep(10 * time.Second)
		close(cable.cut)
		cut := time.Now()
		for {
			select {
			case err := <-ended:
				if d := time.Since(cut); d > 8*time.Second || !strings.Contains(err.Error(), "nothing heard for 5 s") {
					t.Errorf("%v after %v", err, d)
				}
				<-server.Done()
				return
			case <-time.After(100 * time.Millisecond):
				client.Send(link.Urgent, []byte{byte(proto.TypePacket)})
			}
		}
	})
}

func TestBothEndsReportWhatTheyMoved(t *testing.T) {
	simulated(t, link.Config{}, func(t *testing.T, server, client *link.Link, _ *cable) {
		got := 0
		stop := both(t, server, client, link.Handler{Datagram: func(*link.Link, []byte) packet.Reason { got++; return packet.OK }}, link.Handler{})
		for range 100 {
			if r := client.Send(link.Bulk, []byte{byte(proto.TypePacket)}); r != packet.OK {
				t.Fatal(r)
			}
			time.Sleep(time.Millisecond)
		}
		time.Sleep(6 * time.Second)
		s, c := server.Info(), client.Info()
		if got != 100 || s.PeerSent < 100 || c.PeerGot < 100 || s.PeerSent > c.Sent || c.PeerGot > s.Received {
			t.Errorf("%d arrived; server %+v, client %+v", got, s, c)
		}
		if n, settled := client.MaxDatagram(); n != 1163 || !settled {
			t.Errorf("largest datagram %d, settled %v", n, settled) // simnet has no DF, so quic-go does not search
		}
		stop()
	})
}

func TestMTUIsNotSettledBeforeItsTime(t *testing.T) {
	simulated(t, link.Config{}, func(t *testing.T, server, client *link.Link, _ *cable) {
		stop := both(t, server, client, link.Handler{}, link.Handler{})
		time.Sleep(2900 * time.Millisecond)
		if _, settled := client.MaxDatagram(); settled {
			t.Error("settled after 2.9 s")
		}
		time.Sleep(200 * time.Millisecond)
		if _, settled := client.MaxDatagram(); !settled {
			t.Error("not settled after 3.1 s")
		}
		if errS, errC := stop(); errS == nil || errC == nil {
			t.Errorf("Run returned %v and %v", errS, errC)
		}
	})
}

// One owner sends five times what the peer can handle, for two seconds: another one's datagrams all arrive,
// soon and in order, and what was lost of the flood is counted.
func TestASlowHandlerIsSharedFairly(t *testing.T) {
	const flooder, other = 1, 2
	simulated(t, link.Config{}, func(t *testing.T, server, client *link.Link, _ *cable) {
		handled, next := 0, byte(0)
		var slowest time.Duration
		var sentAt [40]time.Time
		stop := both(t, server, client, link.Handler{
			Owner: func(d []byte) link.Owner { return link.Owner(d[1]) },
			Datagram: func(_ *link.Link, d []byte) packet.Reason {
				time.Sleep(100 * time.Microsecond)
				handled++
				if d[1] == other {
					if d[2] != next {
						t.Errorf("%d arrived, want %d", d[2], next)
					}
					slowest = max(slowest, time.Since(sentAt[d[2]]))
					next = d[2] + 1
				}
				return packet.OK
			},
		}, link.Handler{})
		sent := 0
		for n := range sentAt {
			for range 5 {
				for range 500 {
					if client.SendFor(flooder, link.Urgent, []byte{byte(proto.TypePacket), flooder, 0}) == packet.OK {
						sent++
					}
				}
				time.Sleep(10 * time.Millisecond)
			}
			sentAt[n] = time.Now()
			if r := client.SendFor(other, link.Bulk, []byte{byte(proto.TypePacket), other, byte(n)}); r != packet.OK {
				t.Errorf("%d: %v", n, r)
			}
		}
		time.Sleep(time.Second)
		stop()
		if int(next) != len(sentAt) || slowest > 100*time.Millisecond {
			t.Errorf("%d of %d arrived, the slowest after %v", next, len(sentAt), slowest)
		}
		lost := server.Counters().Get(packet.QueueFull) + client.Counters().Get(packet.QueueFull)
		if got := uint64(handled) + lost; got != uint64(sent+len(sentAt)) || handled < 10_000 {
			t.Errorf("%d sent, %d handled, %d lost for want of room", sent+len(sentAt), handled, lost)
		}
	})
}

// A peer that now and then stands still is sent no more than it can keep meanwhile: nothing is dropped unseen, not in the first
// moment either. What is too much is lost in the sender's own queue, where it is counted.
func TestAPeerThatStandsStillLosesNothingUnseen(t *testing.T) {
	simulatedOver(t, 50*time.Microsecond, link.Config{}, link.Config{}, func(t *testing.T, server, client *link.Link, _ *cable) {
		handled := 0
		stop := both(t, server, client, link.Handler{Datagram: func(*link.Link, []byte) packet.Reason {
			if handled++; handled%500 == 1 {
				time.Sleep(50 * time.Millisecond)
			}
			return packet.OK
		}}, link.Handler{})
		time.Sleep(100 * time.Millisecond) // the first mark is answered
		sent := 0
		for range 100 {
			for range 100 {
				if client.Send(link.Urgent, append([]byte{byte(proto.TypePacket)}, make([]byte, 999)...)) == packet.OK {
					sent++
				}
			}
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(5 * time.Second)
		stop()
		if handled != sent || sent < 5_000 {
			t.Errorf("%d handled of %d that the queue took", handled, sent)
		}
	})
}
