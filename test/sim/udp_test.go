package sim

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// udp lets the laptop send one payload from a port to a port of the server.
func (w *world) udp(from, to uint16, text string) {
	w.laptop.send(packet.AppendUDP(nil, &packet.UDPPacket{
		Src: netip.AddrPortFrom(laptop4, from), Dst: netip.AddrPortFrom(server4, to), Payload: []byte(text),
	}))
}

// texts returns the payloads that came from the server to a port of the laptop.
func (w *world) texts(port uint16) []string {
	w.t.Helper()
	var got []string
	for _, a := range w.laptop.take() {
		if a.Class != packet.ClassUDP || a.Src != server4 || a.DstPort != port || !a.TransportOK() {
			w.t.Errorf("not an answer to port %d: %+v", port, a.Packet)
			continue
		}
		got = append(got, string(a.Payload()))
	}
	return got
}

func TestUDPEcho(t *testing.T) {
	inWorld(t, time.Second, func(w *world) {
		for i := range 50 {
			w.udp(5000, 7, fmt.Sprint("payload ", i))
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		got := w.texts(5000)
		if len(got) != 50 {
			t.Fatalf("%d of 50 answers came", len(got))
		}
		for i, text := range got {
			if text != fmt.Sprint("payload ", i) {
				t.Errorf("answer %d is %q", i, text)
			}
		}
	})
}

// Whatever arrives arrives once, also when registrations are lost and repeated.
func TestUDPThroughLossAndReordering(t *testing.T) {
	inWorld(t, time.Second, func(w *world) {
		w.net.set(0.10, 0.20, 50*time.Millisecond)
		seen := make(map[string]int)
		for i := range 500 {
			w.udp(5000+uint16(i%20), 7, fmt.Sprint("payload ", i))
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(5 * time.Second)
		for _, a := range w.laptop.take() {
			text := string(a.Payload())
			var n int
			if _, err := fmt.Sscanf(text, "payload %d", &n); err != nil || a.DstPort != 5000+uint16(n%20) {
				t.Errorf("%q came to port %d", text, a.DstPort)
			}
			if seen[text]++; seen[text] > 1 {
				t.Errorf("%q came twice", text)
			}
		}
		t.Logf("%d of 500 answers came", len(seen))
		if len(seen) < 250 {
			t.Errorf("%d of 500 answers came, want about 328", len(seen))
		}
	})
}

// The first packets are all lost; the session works as soon as packets pass.
func TestSessionHealsAfterALostRegistration(t *testing.T) {
	inWorld(t, time.Second, func(w *world) {
		w.net.set(1, 0, 0)
		w.udp(5000, 7, "lost 1")
		w.udp(5000, 7, "lost 2")
		time.Sleep(300 * time.Millisecond)
		w.net.set(0, 0, 0)
		time.Sleep(300 * time.Millisecond)
		w.texts(5000)
		w.udp(5000, 7, "heard")
		time.Sleep(time.Second)
		if got := w.texts(5000); len(got) != 1 || got[0] != "heard" {
			t.Errorf("answers %q, want the last one", got)
		}
	})
}

// A connector that has forgotten the session is told again.
func TestSessionHealsAfterAConnectorRestart(t *testing.T) {
	inWorld(t, time.Second, func(w *world) {
		w.udp(5000, 7, "before")
		time.Sleep(time.Second)
		if got := w.texts(5000); len(got) != 1 {
			t.Fatalf("answers %q before the restart", got)
		}
		w.connector.stop()
		w.startConnector()
		<-w.connector.ready
		time.Sleep(time.Second)
		answered := 0
		for i := range 5 {
			w.udp(5000, 7, fmt.Sprint("after ", i))
			time.Sleep(500 * time.Millisecond)
			answered += len(w.texts(5000))
		}
		if answered < 4 { // one payload may be lost while it finds out
			t.Errorf("%d of 5 answers after the restart", answered)
		}
	})
}

func TestPortUnreachable(t *testing.T) {
	inWorld(t, time.Second, func(w *world) {
		w.udp(5000, 9, "anybody there?")
		time.Sleep(time.Second)
		w.wantError(packet.PortUnreachable, server4.String())
	})
}

// An idle session lives for 300 s: the server may speak after 299, not after 306.
func TestIdleSessionEnds(t *testing.T) {
	inWorld(t, time.Second, func(w *world) {
		for _, c := range []struct {
			after time.Duration
			want  int
		}{{299 * time.Second, 1}, {306 * time.Second, 0}} {
			w.udp(5000, 7, "hello")
			time.Sleep(time.Second)
			if got := w.texts(5000); len(got) != 1 {
				t.Fatalf("answers %q", got)
			}
			if got := w.relay.Sessions(); got != 1 {
				t.Errorf("%d sessions, want 1", got)
			}
			var last packet.Packet
			for _, p := range w.subnet.reached() {
				last = p
			}
			time.Sleep(c.after - time.Second)
			w.subnet.back(packet.AppendUDP(nil, &packet.UDPPacket{Src: last.DstAddrPort(), Dst: last.SrcAddrPort(), Payload: []byte("still there?")}), 0)
			time.Sleep(time.Second)
			if got := w.texts(5000); len(got) != c.want {
				t.Errorf("%v after the last packet: %q came, want %d", c.after, got, c.want)
			}
			time.Sleep(400 * time.Second)
			if got := w.relay.Sessions(); got != 0 {
				t.Errorf("%d sessions long afterwards, want 0", got)
			}
		}
	})
}
