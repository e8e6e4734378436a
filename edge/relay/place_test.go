package relay

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/oneping/oneping/edge/policy"
)

// TestPlacement: conversations spread over the replicas, each stays where it
// is, and a replica that leaves moves only its own.
func TestPlacement(t *testing.T) {
	var tu tunnel
	const n, keys = 4, 4000
	var reps []*replica
	for i := range n {
		rep := newReplica(fmt.Sprintf("replica%d", i), "t")
		rep.port.Store(&Connector{rep: rep})
		tu.add(rep)
		tu.add(rep) // twice is once
		reps = append(reps, rep)
	}
	if len(tu.replicas()) != n {
		t.Fatalf("%d replicas, want %d", len(tu.replicas()), n)
	}
	key := func(i int) uint64 {
		return placeKey(alice4, netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)}), policy.UDP, 0)
	}
	before := make([]*Connector, keys)
	share := make(map[*replica]int)
	for i := range before {
		before[i] = tu.pick(key(i))
		share[before[i].rep]++
		if tu.pick(key(i)) != before[i] {
			t.Fatal("the same key is placed elsewhere")
		}
	}
	for _, rep := range reps {
		if s := share[rep]; s < keys/n*8/10 || s > keys/n*12/10 {
			t.Errorf("%s has %d of %d, want about %d", rep.id, s, keys, keys/n)
		}
	}
	tu.remove(reps[0])
	for i, old := range before {
		if now := tu.pick(key(i)); old.rep != reps[0] && now != old || now.rep == reps[0] {
			t.Fatalf("key %d moved from %s to %s", i, old.rep.id, now.rep.id)
		}
	}
	for _, rep := range reps {
		rep.port.Store(nil)
	}
	if tu.pick(1) != nil {
		t.Error("a replica without a link was picked")
	}
	var none *tunnel
	if none.pick(1) != nil {
		t.Error("a tunnel that does not exist has a connector")
	}
}

func TestPlaceKey(t *testing.T) {
	k := placeKey(alice4, server4, policy.ICMP, 7)
	for name, other := range map[string]uint64{
		"identifier":  placeKey(alice4, server4, policy.ICMP, 8),
		"protocol":    placeKey(alice4, server4, policy.UDP, 7),
		"destination": placeKey(alice4, other4, policy.ICMP, 7),
		"source":      placeKey(mallory, server4, policy.ICMP, 7),
		"direction":   placeKey(server4, alice4, policy.ICMP, 7),
	} {
		if other == k {
			t.Errorf("another %s gives the same key", name)
		}
	}
}
