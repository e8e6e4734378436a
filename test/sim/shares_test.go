package sim

import (
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// A client that asks for 18 hours has its session for five minutes, at the connector and at the
// edge.
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

// A device with thousands of sessions is revoked: nothing of it is left at the connector a second
// later, and others go on.
func TestRevocationEndsEverything(t *testing.T) {
	hog := newGuest(1)
	inWorldOf(t, time.Second, func(w *world) { w.guests = []*guest{hog} }, func(w *world) {
		const n = 4096
		if got := hog.ask(10_000, n); got != n {
			t.Fatalf("%d of %d sessions were answered", got, n)
		}
		hog.dev.send(packet.AppendEcho(nil, &packet.Echo{Src: hog.addr, Dst: server4, Ident: 1}))
		w.udp(5000, 7, "hello")
		time.Sleep(time.Second)
		if s := w.far.Load().Status(); s.Sessions != n+1 || s.Mappings != 1 || len(w.texts(5000)) != 1 {
			t.Fatalf("%d sessions, %d mappings before", s.Sessions, s.Mappings)
		}
		w.setState(hog.id)
		time.Sleep(time.Second)
		if s := w.far.Load().Status(); s.Sessions != 1 || s.Mappings != 0 || w.relay.Sessions() != 1 {
			t.Errorf("%d sessions and %d mappings at the connector, %d sessions at the edge a second later", s.Sessions, s.Mappings, w.relay.Sessions())
		}
		w.udp(5000, 7, "again")
		time.Sleep(time.Second)
		if got := w.texts(5000); len(got) != 1 {
			t.Errorf("another's session: %q", got)
		}
	})
}

// A connector that was away while a device was revoked is told when it comes back.
func TestRevocationReachesWhoWasAway(t *testing.T) {
	hog := newGuest(1)
	inWorldOf(t, time.Second, func(w *world) { w.guests = []*guest{hog} }, func(w *world) {
		if got := hog.ask(10_000, 10); got != 10 {
			t.Fatalf("%d of 10 sessions were answered", got)
		}
		w.net.sever(connectorSocket, true)
		time.Sleep(20 * time.Second) // the edge has noticed
		w.setState(hog.id)
		time.Sleep(time.Minute)
		if n := w.far.Load().Status().Sessions; n != 10 {
			t.Fatalf("%d sessions while it is away", n)
		}
		w.net.sever(connectorSocket, false)
		time.Sleep(30 * time.Second)
		if s := w.far.Load().Status(); !s.Up || s.Sessions != 0 {
			t.Errorf("up %v with %d sessions after it has come back", s.Up, s.Sessions)
		}
	})
}

// Two users have all sessions of the connector, and go on asking for more. A third always gets in,
// and they shrink to its share.
func TestTwoHogsKeepNobodyOut(t *testing.T) {
	hogs := []*guest{newGuest(1), newGuest(2)}
	honest := newGuest(3)
	inWorldOf(t, time.Second, func(w *world) { w.guests = append(hogs, honest) }, func(w *world) {
		const each = 4096 // a client's bound; two of them are the connector's
		for _, g := range hogs {
			if got := g.ask(10_000, each); got != each {
				t.Fatalf("%s: %d of %d sessions were answered", g.id, got, each)
			}
		}
		if n := w.far.Load().Status().Sessions; n != 2*each {
			t.Fatalf("%d sessions, want %d", n, 2*each)
		}
		for round := range 3 {
			first := 10_000 + 10*round
			if got := honest.ask(first, 10); got != 10 {
				t.Errorf("round %d: %d of 10 new sessions were answered", round, got)
			}
			for _, g := range hogs {
				if got := g.ask(20_000+100*round, 100); got != 0 {
					t.Errorf("round %d: %s got %d sessions above its share", round, g.id, got)
				}
			}
		}
		if got := honest.ask(10_000, 30); got != 30 {
			t.Errorf("%d of 30 sessions are still answered", got)
		}
		share := 2 * each / 3
		if got := honest.ask(30_000, share-30); got != share-30 {
			t.Errorf("%d of the rest of its share, %d", got, share-30)
		}
		if n := w.far.Load().Status().Sessions; n != 2*each {
			t.Errorf("%d sessions at the end, want %d", n, 2*each)
		}
	})
}
