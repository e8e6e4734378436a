package link_test

import (
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/linktest"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

func TestALostPeerIsNoticedAfterTheIdleTime(t *testing.T) {
	for _, c := range []struct {
		keepAlive time.Duration
		text      string
		after     time.Duration
	}{
		{0, "nothing heard for 5s", 5 * time.Second},
		{15 * time.Second, "nothing heard for 1m1s", 61 * time.Second},
	} {
		linktest.Simulated(t, path.Config{KeepAlive: c.keepAlive}, func(t *testing.T, server, client *link.Link, cable *linktest.Cable) {
			ended := make(chan error, 1)
			go func() { ended <- client.Run(t.Context(), link.Handler{}) }()
			go func() { _ = server.Run(t.Context(), link.Handler{}) }()
			time.Sleep(time.Hour)
			select {
			case err := <-ended:
				t.Fatal("an idle link ended:", err)
			default:
			}
			close(cable.Cut)
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

// TestADeadPeerIsGivenUpByTheEdgesOwnClock, whatever idle time-out it chose and while nothing is
// said; one that lives and says nothing is not.
func TestADeadPeerIsGivenUpByTheEdgesOwnClock(t *testing.T) {
	linktest.Simulated(t, path.Config{KeepAlive: 10 * time.Minute}, func(t *testing.T, server, client *link.Link, cable *linktest.Cable) {
		ended := make(chan error, 1)
		go func() { _ = client.Run(t.Context(), link.Handler{}) }()
		go func() { ended <- server.Run(t.Context(), link.Handler{}) }()
		time.Sleep(10 * time.Minute)
		select {
		case err := <-ended:
			t.Fatal("an idle link ended:", err)
		default:
		}
		close(cable.Cut)
		cut := time.Now()
		err := <-ended
		if d := time.Since(cut); d < 9*time.Second || d > 18*time.Second || !strings.Contains(err.Error(), "nothing heard for 15 s") {
			t.Errorf("the edge gives it up after %v: %v; want 15 s after what it heard last", d, err)
		}
		<-client.Done()
	})
}

func TestALinkInUseNoticesItsLossSoonerThanAnIdleOne(t *testing.T) {
	linktest.Simulated(t, path.Config{KeepAlive: 15 * time.Second}, func(t *testing.T, server, client *link.Link, cable *linktest.Cable) {
		ended := make(chan error, 1)
		go func() { ended <- client.Run(t.Context(), link.Handler{}) }()
		go func() {
			_ = server.Run(t.Context(), link.Handler{Datagram: func(*link.Link, []byte) packet.Reason { return packet.OK }})
		}()
		time.Sleep(10 * time.Second)
		close(cable.Cut)
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
	linktest.Simulated(t, path.Config{}, func(t *testing.T, server, client *link.Link, _ *linktest.Cable) {
		got := 0
		stop := linktest.Both(t, server, client, link.Handler{Datagram: func(*link.Link, []byte) packet.Reason { got++; return packet.OK }}, link.Handler{})
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
	linktest.Simulated(t, path.Config{}, func(t *testing.T, server, client *link.Link, _ *linktest.Cable) {
		stop := linktest.Both(t, server, client, link.Handler{}, link.Handler{})
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

// One owner sends five times what the peer can handle, for two seconds: another one's datagrams all
// arrive, soon and in order, and what was lost of the flood is counted.
func TestASlowHandlerIsSharedFairly(t *testing.T) {
	const flooder, other = 1, 2
	// A window lets an answer take four round trips of 20 ms and 5 ms; then 128 wait for the handler,
	// and a datagram is on its way for 10 ms, and in two queues for a round of 23.
	const soon = 85*time.Millisecond + 13*time.Millisecond + 10*time.Millisecond + 5*time.Millisecond
	linktest.Simulated(t, path.Config{}, func(t *testing.T, server, client *link.Link, _ *linktest.Cable) {
		handled, next := 0, byte(0)
		var slowest time.Duration
		var sentAt [40]time.Time
		stop := linktest.Both(t, server, client, link.Handler{
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
		if int(next) != len(sentAt) || slowest > soon {
			t.Errorf("%d of %d arrived, the slowest after %v", next, len(sentAt), slowest)
		}
		lost := server.Counters().Get(packet.QueueFull) + client.Counters().Get(packet.QueueFull)
		if got := uint64(handled) + lost; got != uint64(sent+len(sentAt)) || handled < 10_000 {
			t.Errorf("%d sent, %d handled, %d lost for want of room", sent+len(sentAt), handled, lost)
		}
	})
}

// A peer that now and then stands still is sent no more than it can keep meanwhile: nothing is
// dropped unseen, not in the first moment either. What is too much is lost in the sender's own
// queue, where it is counted.
func TestAPeerThatStandsStillLosesNothingUnseen(t *testing.T) {
	linktest.SimulatedOver(t, 50*time.Microsecond, path.Config{}, path.Config{}, func(t *testing.T, server, client *link.Link, _ *linktest.Cable) {
		handled := 0
		stop := linktest.Both(t, server, client, link.Handler{Datagram: func(*link.Link, []byte) packet.Reason {
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

// Each end of a link knows what is lost in either direction, within a few percent of the truth, and
// nothing is lost where all arrives, however much of it is under way.
func TestBothEndsKnowTheLossOfEachDirection(t *testing.T) {
	linktest.Simulated(t, path.Config{}, func(t *testing.T, server, client *link.Link, cable *linktest.Cable) {
		h := link.Handler{Datagram: func(*link.Link, []byte) packet.Reason { return packet.OK }}
		stop := linktest.Both(t, server, client, h, h)
		talk := func(d time.Duration) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
				client.Send(link.Urgent, []byte{byte(proto.TypePacket)})
				server.Send(link.Urgent, []byte{byte(proto.TypePacket)})
			}
		}
		talk(70 * time.Second)
		time.Sleep(11 * time.Second) // the last report
		for who, l := range map[string]*link.Link{"client": client, "server": server} {
			if i := l.Info(); i.LossIn.Lost+i.LossOut.Lost != 0 || i.LossIn.Datagrams < 2000 || i.LossOut.Datagrams < 2000 {
				t.Errorf("%s: nothing is lost, and it says in %v, out %v", who, i.LossIn, i.LossOut)
			}
		}
		cable.LoseToEdge.Store(5)
		talk(70 * time.Second)
		c, s := client.Info(), server.Info()
		for what, l := range map[string]link.Loss{"client's out": c.LossOut, "server's in": s.LossIn} {
			if percent := 100 * float64(l.Lost) / float64(l.Datagrams); l.Datagrams < 2000 || percent < 15 || percent > 25 {
				t.Errorf("%s: %v, want 20 %%", what, l)
			}
		}
		for what, l := range map[string]link.Loss{"client's in": c.LossIn, "server's out": s.LossOut} {
			if l.Lost != 0 || l.Datagrams < 1000 {
				t.Errorf("%s: %v, want none", what, l)
			}
		}
		stop()
	})
}
