package host

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// dead returns the n-th address of a network in which nobody is.
func dead(n int) netip.Addr { return netip.AddrFrom4([4]byte{172, 17, byte(n >> 8), byte(n)}) }

func TestUnansweredIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var counters packet.Counters
		u := newNeighbours(&counters)
		next := 0
		// ask asks n further destinations and returns how many were let through.
		ask := func(client netip.Addr, n int) (ok int) {
			for range n {
				next++
				v := u.admit(client, dead(next), time.Now())
				switch v {
				case packet.Verdict{}:
					ok++
				case packet.Verdict{Reason: packet.Unanswered, Answer: packet.HostUnreachable}:
				default:
					t.Errorf("%+v", v)
				}
			}
			return ok
		}
		clients := []netip.Addr{self, server, outer, edge, dead(0)}
		for i, want := range []int{64, 64, 64, 64, 51} { // the fifth finds the table full, and has a fifth of it
			if got := ask(clients[i], 100); got != want {
				t.Errorf("client %d: %d of 100, want %d", i, got, want)
			}
		}
		if got := u.waiting(time.Now()); got != maxUnanswered {
			t.Errorf("%d wait, want %d", got, maxUnanswered)
		}
		if got := counters.Get(packet.Superseded); got != 51 {
			t.Errorf("%d made room, want 51", got)
		}
		missing, there := dead(401), dead(402) // of the fifth
		if v := u.admit(clients[0], missing, time.Now()); v.Reason != packet.OK {
			t.Errorf("a destination that is asked already: %v", v.Reason)
		}
		u.settle(missing, self) // a neighbour that is not there, says this host
		u.settle(there, there)  // an answer of its own
		if got := ask(clients[4], 9); got != 2 {
			t.Errorf("after two answers: %d, want 2", got)
		}
		if !u.known(there) || u.known(missing) {
			t.Error("who answers is known, who is reported is not")
		}
		u.endClient(clients[4])
		if got := u.waiting(time.Now()); got != maxUnanswered-51 {
			t.Errorf("%d wait when the fifth has ended, want %d", got, maxUnanswered-51)
		}
		time.Sleep(unansweredFor)
		if got := u.waiting(time.Now()); got != 0 {
			t.Errorf("%d wait four seconds later", got)
		}
		if got := ask(clients[4], 100); got != 64 {
			t.Errorf("four seconds later: %d of 100, want 64", got)
		}
	})
}

// One more that answers than can be remembered: the idlest is a stranger again, and nobody else.
func TestOneNeighbourTooMany(t *testing.T) {
	u := newNeighbours(new(packet.Counters))
	for i := range maxHeard + 1 {
		u.settle(dead(i), dead(i))
	}
	known := 0
	for i := range maxHeard + 1 {
		if u.known(dead(i)) {
			known++
		}
	}
	if known != maxHeard || u.known(dead(0)) {
		t.Errorf("%d of %d are known, want all but the first", known, maxHeard+1)
	}
}

// Only destinations in this host's own networks are bounded, and never its own addresses.
func TestForwardCountsNeighbours(t *testing.T) {
	h, r, _ := testHost("", "")
	r.networks = []netip.Prefix{netip.MustParsePrefix("172.16.10.0/24")}
	refused := func(dst netip.Addr) (n int) {
		for i := range 100 {
			to := dst
			for range i {
				to = to.Next()
			}
			if _, v := h.forward(to, 62); v.Reason == packet.Unanswered {
				n++
			}
		}
		return n
	}
	if n := refused(netip.MustParseAddr("10.1.0.0")); n != 0 {
		t.Errorf("behind routers: %d refused", n)
	}
	if n := refused(netip.MustParseAddr("172.16.10.1")); n != 35 { // our own, .100, is the 36th
		t.Errorf("neighbours: %d refused, want 35", n)
	}
	for range 2 * maxUnanswered {
		if _, v := h.forward(self, 62); v.Reason != packet.OK {
			t.Fatal(v.Reason)
		}
	}
}
