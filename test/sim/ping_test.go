package sim

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

const ident = 4242

// ping lets the laptop send one echo request to the server.
func (w *world) ping(seq uint16) {
	w.laptop.send(packet.AppendEcho(nil, &packet.Echo{Src: laptop4, Dst: server4, Ident: ident, Seq: seq, DF: true, Payload: payload(seq)}))
}

func payload(seq uint16) []byte { return fmt.Appendf(nil, "request %d", seq) }

// pings sends n requests, then waits for stragglers, and returns how many had
// their reply. A reply that is not the right one, or the second one, fails the test.
func (w *world) pings(first, n int, every time.Duration) int {
	w.t.Helper()
	for i := range n {
		w.ping(uint16(first + i))
		time.Sleep(every)
	}
	time.Sleep(5 * time.Second)
	seen := make(map[uint16]bool)
	for _, a := range w.laptop.take() {
		switch {
		case !a.IsEchoReply():
			w.t.Errorf("not a reply: %+v", a.Packet)
		case a.Src != server4 || a.Dst != laptop4 || a.Ident != ident || !bytes.Equal(a.Payload(), payload(a.Seq)) || !a.TransportOK():
			w.t.Errorf("not the reply to a request: %+v", a.Packet)
		case a.TTL != 62: // 64, less one for the connector and one for the edge
			w.t.Errorf("TTL %d, want 62", a.TTL)
		case seen[a.Seq]:
			w.t.Errorf("a second reply to request %d", a.Seq)
		}
		seen[a.Seq] = true
	}
	return len(seen)
}

func TestPingThroughAPerfectNetwork(t *testing.T) {
	inWorld(t, time.Second, func(w *world) {
		if got := w.pings(0, 200, 10*time.Millisecond); got != 200 {
			t.Errorf("%d of 200 requests had a reply", got)
		}
	})
}

// With 10 % loss in each direction of both links two thirds come back, each the right one, once.
func TestPingThroughLossAndReordering(t *testing.T) {
	inWorld(t, time.Second, func(w *world) {
		w.net.set(0.10, 0.20, 50*time.Millisecond)
		got := w.pings(0, 1000, 20*time.Millisecond)
		t.Logf("%d of 1000 requests had a reply", got)
		if got < 550 || got > 800 {
			t.Errorf("%d of 1000 requests had a reply, want about 656", got)
		}
		w.net.set(0, 0, 0)
		time.Sleep(time.Minute)
		if got := w.pings(2000, 100, 10*time.Millisecond); got != 100 {
			t.Errorf("after the loss %d of 100 requests had a reply", got)
		}
	})
}

// wantError wants exactly one ICMP error about the newest request.
func (w *world) wantError(kind packet.ErrorKind, src string) {
	w.t.Helper()
	got := w.laptop.take()
	typ, code := kind.TypeCode(false)
	if len(got) != 1 {
		w.t.Fatalf("%d packets came, want one ICMP error", len(got))
	}
	var q packet.Packet
	if got[0].Type != typ || got[0].Code != code || got[0].Src.String() != src {
		w.t.Errorf("type %d code %d from %v, want %d %d from %s", got[0].Type, got[0].Code, got[0].Src, typ, code, src)
	}
	if !got[0].Quoted(&q) || q.Src != laptop4 || q.Dst != server4 || q.Class == packet.ClassICMP && q.Ident != ident {
		w.t.Errorf("it quotes %+v, not our packet", q)
	}
}

func TestConnectorGone(t *testing.T) {
	inWorld(t, time.Second, func(w *world) {
		w.connector.stop()
		time.Sleep(time.Second)
		w.ping(1)
		time.Sleep(time.Second)
		w.wantError(packet.HostUnreachable, hop4.String())

		w.startConnector()
		<-w.connector.ready
		time.Sleep(100 * time.Millisecond)
		if got := w.pings(10, 10, 100*time.Millisecond); got != 10 {
			t.Errorf("connector back: %d of 10 requests had a reply", got)
		}
	})
}

// A connector whose network is cut is missed within seconds, and comes back by itself.
func TestConnectorCutOff(t *testing.T) {
	inWorld(t, time.Second, func(w *world) {
		w.net.sever(connectorSocket, true)
		w.ping(1)
		time.Sleep(time.Second)
		if got := w.laptop.take(); len(got) != 0 {
			t.Errorf("not missed yet, but something came: %+v", got)
		}
		time.Sleep(7 * time.Second)
		w.ping(2)
		time.Sleep(time.Second)
		w.wantError(packet.HostUnreachable, hop4.String())
		w.net.sever(connectorSocket, false)
		time.Sleep(10 * time.Second)
		if got := w.pings(10, 10, 100*time.Millisecond); got != 10 {
			t.Errorf("connected again: %d of 10 requests had a reply", got)
		}
	})
}

// Without a link the client itself says so, and heals by itself.
func TestClientCutOff(t *testing.T) {
	inWorld(t, time.Second, func(w *world) {
		w.net.sever(clientSocket, true)
		time.Sleep(10 * time.Second)
		w.laptop.take()
		w.ping(1)
		time.Sleep(time.Second)
		got := w.laptop.take()
		if len(got) != 1 || got[0].Type != packet.TypeUnreachable || got[0].Code != 1 {
			t.Errorf("got %+v, want host unreachable", got)
		}
		w.net.sever(clientSocket, false)
		time.Sleep(10 * time.Second)
		if got := w.pings(10, 10, 100*time.Millisecond); got != 10 {
			t.Errorf("connected again: %d of 10 requests had a reply", got)
		}
	})
}

// A reply after 59 s is a reply; after 61 s nobody asked (RFC 5508 REQ-2).
func TestMappingLifetime(t *testing.T) {
	inWorld(t, time.Second, func(w *world) {
		for after, want := range map[time.Duration]int{59 * time.Second: 1, 61 * time.Second: 0} {
			w.subnet.set(server4, func(p *packet.Packet) ([]byte, time.Duration) {
				answer, _ := plainHost(p)
				return answer, after
			})
			w.ping(uint16(after / time.Second))
			time.Sleep(90 * time.Second)
			if got := len(w.laptop.take()); got != want {
				t.Errorf("a reply after %v: %d came, want %d", after, got, want)
			}
		}
	})
}

// A reply from somebody else, for another sequence or with another payload
// answers nothing that was asked.
func TestForgedReply(t *testing.T) {
	inWorld(t, time.Second, func(w *world) {
		w.subnet.set(server4, func(p *packet.Packet) ([]byte, time.Duration) {
			for _, change := range []func(e *packet.Echo){
				func(e *packet.Echo) { e.Src = nobody4 },
				func(e *packet.Echo) { e.Seq++ },
				func(e *packet.Echo) { e.Ident++ },
			} {
				e := packet.Echo{Src: p.Dst, Dst: p.Src, Ident: p.Ident, Seq: p.Seq, Reply: true, Payload: p.Payload()}
				change(&e)
				w.subnet.back(packet.AppendEcho(nil, &e), time.Millisecond)
			}
			return nil, 0
		})
		w.ping(1)
		time.Sleep(time.Second)
		if got := w.laptop.take(); len(got) != 0 {
			t.Errorf("forged replies came through: %+v", got)
		}
	})
}

// Each router decrements once, and the one that holds a packet of TTL 1 says so.
func TestTTL(t *testing.T) {
	inWorld(t, time.Second, func(w *world) {
		for ttl, src := range map[uint8]string{1: hop4.String(), 2: "172.16.10.100"} {
			w.laptop.send(packet.AppendEcho(nil, &packet.Echo{Src: laptop4, Dst: server4, Ident: ident, Seq: uint16(ttl), TTL: ttl}))
			time.Sleep(time.Second)
			w.wantError(packet.TimeExceeded, src)
		}
		w.subnet.reached()
		w.laptop.send(packet.AppendEcho(nil, &packet.Echo{Src: laptop4, Dst: server4, Ident: ident, Seq: 3, TTL: 3}))
		time.Sleep(time.Second)
		if got := w.subnet.reached(); len(got) != 1 || got[0].TTL != 1 || got[0].Ident != ident {
			t.Errorf("the server saw %+v, want our request with TTL 1", got)
		}
	})
}

// A day passes without a link being lost, with one packet in a hundred missing.
func TestADayOfHeartbeats(t *testing.T) {
	inWorld(t, 15*time.Second, func(w *world) {
		w.net.set(0.01, 0.01, 20*time.Millisecond)
		before := w.welcomes.Load()
		answered := 0
		for hour := range 24 {
			time.Sleep(time.Hour)
			answered += w.pings(100*hour, 3, time.Second)
		}
		if got := w.welcomes.Load() - before; got != 0 {
			t.Errorf("%d links had to be made again", got)
		}
		if answered < 60 {
			t.Errorf("%d of 72 requests had a reply", answered)
		}
		synctest.Wait()
	})
}
