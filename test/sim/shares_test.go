package sim

import (
	"testing"
	"time"
)

// A client that asks for 18 hours has its session for five minutes, at the connector and at the edge.
func TestIdleIsLimited(t *testing.T) {
	inWorldOf(t, time.Second, func(w *world) { w.asks = 65535 }, func(w *world) {
		w.udp(5000, 7, "hello")
		time.Sleep(time.Second)
		if got := w.texts(5000); len(got) != 1 {
			t.Fatalf("answers %q", got)
		}
		time.Sleep(305 * time.Second)
		if n := w.far.Load().Status().Sessions; n != 0 {
			t.Errorf("%d sessions at the connector after 306 s", n)
		}
		time.Sleep(40 * time.Second) // it ends the connector's first
		if n := w.relay.Sessions(); n != 0 {
			t.Errorf("%d sessions at the edge after 346 s", n)
		}
	})
}
