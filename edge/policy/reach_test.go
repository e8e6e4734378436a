package policy

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/oneping/oneping/edge/model"
)

// TestReachRemembersFewTables: who has more of them is decided about by name, and alike.
func TestReachRemembersFewTables(t *testing.T) {
	for _, n := range []int{1, maxReach, maxReach + 1, 50} {
		p := model.Policy{Groups: make(map[string][]string)}
		for i := range n {
			g := fmt.Sprintf("g%d", i)
			p.Groups[g] = []string{"alice"}
			p.Grants = append(p.Grants, model.Grant{ID: g, Who: []string{"group:" + g}, To: []string{fmt.Sprintf("10.0.0.%d", i)}, How: []string{"icmp"}})
		}
		c, err := Compile(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		who := c.Principal("d", "alice")
		r := c.Reach(who)
		if r.many != (n > maxReach) || r.many == (len(r.tables) == n) {
			t.Errorf("%d groups: %d tables, more: %v", n, len(r.tables), r.many)
		}
		for i := range n + 1 {
			x := Target{Dst: netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), Proto: ICMP}
			if got, want := r.Decide(x), c.linear(&who, x); got != want || got.Allowed != (i < n) {
				t.Errorf("%d groups, %v: %+v, want %+v", n, x.Dst, got, want)
			}
		}
	}
	var zero Reach
	if d := zero.Decide(Target{Dst: netip.MustParseAddr("10.0.0.1"), Proto: ICMP}); d.Allowed {
		t.Errorf("the zero value: %+v", d)
	}
}

// TestFewPrefixesAreNotLookedUp: they are compared in the order of their grants, and none behind the
// first that allows.
func TestFewPrefixesAreNotLookedUp(t *testing.T) {
	for _, n := range []int{1, fewPrefixes, fewPrefixes + 1} {
		g := model.Grant{ID: "g", Who: []string{"alice"}, How: []string{"icmp"}}
		for i := range n {
			g.To = append(g.To, fmt.Sprintf("10.%d.0.0/%d", n-i, 16+i))
		}
		c, err := Compile(model.Policy{Grants: []model.Grant{g}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		few := c.index.users["alice"][0].v4.few
		if n > fewPrefixes {
			if few != nil {
				t.Errorf("%d prefixes: %d are compared", n, len(few))
			}
			continue
		}
		if len(few) != n {
			t.Fatalf("%d prefixes: %d are compared", n, len(few))
		}
		for i := range few {
			if few[i].bits != 16+i {
				t.Errorf("place %d of %d: /%d", i, n, few[i].bits)
			}
		}
	}
}
