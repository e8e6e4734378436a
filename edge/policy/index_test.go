package policy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/oneping/oneping/edge/model"
)

// linear is Decide without the index: grant after grant.
func (c *Compiled) linear(p *Principal, t Target) Decision {
	for i := range c.grants {
		g := &c.grants[i]
		if g.matchWho(p) && g.matchTo(t.Dst, t.Tunnel) && g.matchHow(t.Proto, t.Port) {
			return Decision{Allowed: true, Grant: g.id}
		}
	}
	return Decision{}
}

// TestIndexDecidesAsGrantAfterGrant, for policies and questions of all kinds: it also names the
// first grant of several.
func TestIndexDecidesAsGrantAfterGrant(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(list []string, most int) (out []string) {
		for range 1 + rng.IntN(most) {
			out = append(out, list[rng.IntN(len(list))])
		}
		return out
	}
	who := []string{"*", "a", "b", "user:c", "group:g", "group:h", "device:d1", "device:d2"}
	to := []string{
		"10.0.0.0/8", "10.1.0.0/16", "10.1.1.0/24", "10.1.1.1", "10.1.1.2", "0.0.0.0/0", "fd00::/8", "fd00:1::/32",
		"fd00:1::1", "::/0", "::/1", "tunnel:home", "tunnel:gone", "*",
		"169.254.0.0/16", "169.254.169.254", "168.0.0.0/7", "100.100.100.0/24", "64:ff9b::/96", "fd00:ec2::254",
	}
	how := []string{"icmp", "tcp:1-100", "tcp:50-60,22", "tcp:*", "udp:*", "udp:53", "udp:65535", "tcp:65535,1", "*"}
	addrs := []string{"10.1.1.1", "10.1.1.3", "10.2.0.1", "11.0.0.1", "fd00:1::1", "fd00:2::1", "2001:db8::1", "::ffff:10.1.1.1", "fd00::1%eth0", "169.254.169.254", "100.100.100.200", "64:ff9b::a9fe:a9fe", "fd00:ec2::254"}
	ports := []uint16{0, 1, 22, 50, 53, 60, 61, 100, 101, 65534, 65535}
	groups := map[string][]string{"g": {"a", "b"}, "h": {"b", "x"}}
	asked, allowed := 0, 0
	for round := range 400 {
		p := model.Policy{Groups: groups}
		for i := range rng.IntN(30) {
			who := who
			if round%2 == 0 {
				who = who[1:]
			}
			p.Grants = append(p.Grants, model.Grant{ID: fmt.Sprint(i), Who: pick(who, 4), To: pick(to, 3), How: pick(how, 3)})
		}
		c, err := Compile(p, map[string]model.Tunnel{"t1": {ID: "t1", Name: "home"}})
		if err != nil {
			t.Fatal(err)
		}
		for range 200 {
			asker := c.Principal([]string{"", "d1", "d2", "d3"}[rng.IntN(4)], []string{"", "a", "b", "c", "x", "y"}[rng.IntN(6)])
			x := Target{
				Dst: netip.MustParseAddr(addrs[rng.IntN(len(addrs))]), Proto: []Proto{ICMP, TCP, UDP, 47}[rng.IntN(4)],
				Port: ports[rng.IntN(len(ports))], Tunnel: []string{"", "t1", "t2"}[rng.IntN(3)],
			}
			got, want := c.Decide(&asker, x), c.linear(&asker, x)
			if got != want {
				t.Fatalf("%+v to %+v under %+v: %+v, want %+v", asker, x, p.Grants, got, want)
			}
			reach := c.Reach(asker)
			if got := reach.Decide(x); got != want {
				t.Fatalf("reach: %+v to %+v under %+v: %+v, want %+v", asker, x, p.Grants, got, want)
			}
			asked++
			if want.Allowed {
				allowed++
			}
		}
	}
	if allowed < asked/5 || allowed > asked*4/5 {
		t.Errorf("%d of %d allowed: this asks little", allowed, asked)
	}
}

// TestIndexOfManyGrants: no policy that has room in a document takes long, or much memory.
func TestIndexOfManyGrants(t *testing.T) {
	var p model.Policy
	for i := range 3000 { // each names others: the tables of all are one
		p.Grants = append(p.Grants, model.Grant{
			ID: fmt.Sprint(i), Who: []string{"a", fmt.Sprintf("u%d", i)}, To: []string{"10.0.0.0/8"}, How: []string{fmt.Sprintf("tcp:%d-65535", 1+i*20)},
		})
	}
	c, err := Compile(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(c.index.users["a"]); n != 1 {
		t.Errorf("%d tables for one user, want 1", n)
	}
	a := c.Principal("", "a")
	for _, port := range []uint16{1, 20, 21, 30_000, 65_535} {
		x := Target{Dst: netip.MustParseAddr("10.0.0.1"), Proto: TCP, Port: port}
		if got, want := c.Decide(&a, x), c.linear(&a, x); got != want {
			t.Errorf("port %d: %+v, want %+v", port, got, want)
		}
	}
}

// TestADecisionLooksAtAsMuchUnderManyGrants as under few: tables and lengths of prefixes.
func TestADecisionLooksAtAsMuchUnderManyGrants(t *testing.T) {
	for _, n := range []int{10, 10_000} {
		c := manyGrants(t, n)
		looks := 0
		for _, tab := range append(c.index.users["user0@example.com"], c.index.groups["all"]...) {
			looks += len(tab.v4.lengths)
		}
		if looks != 2 || len(c.index.anyone) != 0 {
			t.Errorf("%d grants: %d looks and %d tables of anyone, want 2 and 0", n, looks, len(c.index.anyone))
		}
	}
}

// manyGrants is a policy of n grants: each user has one to a /32, a group of all has as many.
func manyGrants(t testing.TB, n int) *Compiled {
	t.Helper()
	p := model.Policy{Groups: map[string][]string{"all": nil}}
	for i := range n / 2 {
		user := fmt.Sprintf("user%d@example.com", i)
		p.Groups["all"] = append(p.Groups["all"], user)
		p.Grants = append(p.Grants,
			model.Grant{ID: fmt.Sprintf("u%d", i), Who: []string{user}, To: []string{fmt.Sprintf("10.1.%d.%d", i/256, i%256)}, How: []string{"tcp:22,443"}},
			model.Grant{ID: fmt.Sprintf("g%d", i), Who: []string{"group:all"}, To: []string{fmt.Sprintf("10.2.%d.%d", i/256, i%256)}, How: []string{"icmp", "tcp:80"}})
	}
	c, err := Compile(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// BenchmarkDecide is what one question costs under many grants. A destination that nobody may reach is
// the worst.
func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{10, 1000, 5000, 10_000} {
		c := manyGrants(b, n)
		last := n/2 - 1
		who := c.Principal("device", fmt.Sprintf("user%d@example.com", last))
		allowed := Target{Dst: netip.MustParseAddr(fmt.Sprintf("10.2.%d.%d", last/256, last%256)), Proto: ICMP}
		denied := Target{Dst: netip.MustParseAddr("10.3.0.1"), Proto: ICMP}
		b.Run(fmt.Sprintf("grants=%d/allowed", n), func(b *testing.B) {
			for b.Loop() {
				if !c.Decide(&who, allowed).Allowed {
					b.Fatal("denied")
				}
			}
		})
		b.Run(fmt.Sprintf("grants=%d/denied", n), func(b *testing.B) {
			for b.Loop() {
				if c.Decide(&who, denied).Allowed {
					b.Fatal("allowed")
				}
			}
		})
		b.Run(fmt.Sprintf("grants=%d/new", n), func(b *testing.B) {
			x := denied
			for b.Loop() {
				x.Dst = x.Dst.Next()
				if c.Decide(&who, x).Allowed {
					b.Fatal("allowed")
				}
			}
		})
	}
}

// TestIndexIsSmall: a policy of three quarters of a megabyte, in which each grant names others, has
// an index for a host of 128 MiB, and what is looked up in more tables is decided alike.
func TestIndexIsSmall(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var p model.Policy
	for i := range 1250 {
		g := model.Grant{ID: fmt.Sprint(i), How: []string{fmt.Sprintf("tcp:%d", i+1)}}
		for range 70 {
			g.Who = append(g.Who, fmt.Sprintf("u%d", rng.IntN(400)))
		}
		for range 12 {
			g.To = append(g.To, fmt.Sprintf("10.0.%d.%d", rng.IntN(256), rng.IntN(256)))
		}
		p.Grants = append(p.Grants, g)
	}
	c, err := Compile(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	tables, destinations := make(map[*table]bool), 0
	for _, list := range c.index.users {
		for _, tab := range list {
			if !tables[tab] {
				tables[tab], destinations = true, destinations+tab.destinations()
			}
		}
	}
	if destinations > 200_000 {
		t.Errorf("%d destinations in %d tables", destinations, len(tables))
	}
	for i := range p.Grants {
		for _, user := range []string{"u0", "u399", p.Grants[i].Who[0]} {
			who, at := c.Principal("", user), Target{Dst: netip.MustParseAddr(p.Grants[i].To[0]), Proto: TCP, Port: uint16(i + 1)}
			if got, want := c.Decide(&who, at), c.linear(&who, at); got != want {
				t.Fatalf("%s to %s: %+v, want %+v", user, at, got, want)
			}
		}
	}
}
