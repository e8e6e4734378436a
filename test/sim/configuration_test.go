package sim

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/oneping/oneping/proto"
)

// routes makes the edge want n prefixes captured, one more at a time.
func (w *world) routes(n int, every time.Duration) []netip.Prefix {
	list := make([]netip.Prefix, n)
	for i := range list {
		list[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)
		part := list[: i+1 : i+1]
		w.capture.Store(&part)
		w.acceptor.Refresh()
		time.Sleep(every)
	}
	return list
}

// captures checks that the laptop has exactly what the edge wants, and says so.
func (w *world) captures(want []netip.Prefix) {
	w.t.Helper()
	s := w.laptopRun.Load().Status()
	if !slices.Equal(s.Capture, want) {
		w.t.Errorf("the laptop captures %d prefixes, want %d", len(s.Capture), len(want))
	}
	if s.Configuration.Behind() {
		w.t.Errorf("the laptop has %v", s.Configuration)
	}
	if err := s.Ready(); err != nil {
		w.t.Error(err)
	}
}

// A laptop whose link stands still while 1,500 routes are added has all of them when it moves
// again, whether the link lives through it or not.
func TestTheNewestConfigurationArrives(t *testing.T) {
	for name, every := range map[string]time.Duration{"the link lives on": time.Millisecond, "the link is lost": time.Second} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, time.Second, func(w *world) {
				w.net.sever(clientSocket, true)
				all := w.routes(1500, every)
				before := w.laptopRun.Load().Status().Since
				w.net.sever(clientSocket, false)
				time.Sleep(10 * time.Second)
				w.captures(all)
				if lives := w.laptopRun.Load().Status().Since.Equal(before); lives != (every == time.Millisecond) {
					t.Errorf("the link lives on: %v", lives)
				}
			})
		})
	}
}

// Thousands of routes reach a laptop that reads them as they come, through loss and reordering.
func TestThousandsOfRoutes(t *testing.T) {
	inWorld(t, time.Second, func(w *world) {
		w.net.set(0.02, 0.1, 30*time.Millisecond)
		all := w.routes(3000, time.Millisecond)
		w.net.set(0, 0, 0)
		time.Sleep(10 * time.Second)
		w.captures(all)
	})
}

// The longest list there may be reaches a client, whether it is connected or connects: it is longer
// than a message.
func TestTheLongestList(t *testing.T) {
	inWorld(t, time.Second, func(w *world) {
		all := make([]netip.Prefix, proto.MaxCapture)
		for i := range all {
			all[i] = netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfd, 5: 0xaa, 9: byte(i >> 16), 10: byte(i >> 8), 11: byte(i), 15: 1}), 128)
		}
		w.capture.Store(&all)
		w.acceptor.Refresh()
		time.Sleep(10 * time.Second)
		w.captures(all)
		w.client.stop()
		w.startClient()
		<-w.client.ready
		w.captures(all)
	})
}
