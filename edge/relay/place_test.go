package relay

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/oneping/oneping/edge/policy"
)

// TestPlacement: conversations spread over the connectors, each stays where it
// is, and a connector that leaves moves only its own.
func TestPlacement(t *testing.T) {
	var tu tunnel
	const n, keys = 4, 4000
	var cons []*connector
	for i := range n {
		con := newConnector(fmt.Sprintf("connector%d", i), "t")
		con.attachment.Store(&ConnectorAttachment{con: con})
		tu.add(con)
		tu.add(con) // twice is once
		cons = append(cons, con)
	}
	if len(tu.connectors()) != n {
		t.Fatalf("%d connectors, want %d", len(tu.connectors()), n)
	}
	key := func(i int) uint64 {
		return placeKey(alice4, netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)}), policy.UDP, 0)
	}
	before := make([]*ConnectorAttachment, keys)
	share := make(map[*connector]int)
	for i := range before {
		before[i] = tu.pick(key(i))
		share[before[i].con]++
		if tu.pick(key(i)) != before[i] {
			t.Fatal("the same key is placed elsewhere")
		}
	}
	for _, con := range cons {
		if s := share[con]; s < keys/n*8/10 || s > keys/n*12/10 {
			t.Errorf("%s has %d of %d, want about %d", con.id, s, keys, keys/n)
		}
	}
	tu.remove(cons[0])
	for i, old := range before {
		if now := tu.pick(key(i)); old.con != cons[0] && now != old || now.con == cons[0] {
			t.Fatalf("key %d moved from %s to %s", i, old.con.id, now.con.id)
		}
	}
	for _, con := range cons {
		con.attachment.Store(nil)
	}
	if tu.pick(1) != nil {
		t.Error("a connector without a link was picked")
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
