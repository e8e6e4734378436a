package host

import (
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

var (
	self   = netip.MustParseAddr("172.16.10.100")
	server = netip.MustParseAddr("172.16.10.120")
	outer  = netip.MustParseAddr("203.0.113.2") // this host's other address, toward the edge
	edge   = netip.MustParseAddr("192.0.2.1")
	alice  = netip.MustParseAddr("100.96.0.1")
)

// refusingRoutes are destinations for which connect fails otherwise than without a route.
var refusingRoutes = map[netip.Addr]error{
	netip.MustParseAddr("10.1.0.1"): syscall.EHOSTUNREACH,
	netip.MustParseAddr("fd00::1"):  syscall.EHOSTUNREACH,
	netip.MustParseAddr("10.1.0.2"): syscall.EACCES,
	netip.MustParseAddr("10.1.0.3"): syscall.EINVAL,
}

// testRoutes has two addresses and a route to its subnet and to the edge, and is attached to
// networks. asked counts how often a route was asked for; refuse, where it is set, is why there is
// none to anywhere.
type testRoutes struct {
	networks []netip.Prefix
	refuse   error
	asked    int
}

func (r *testRoutes) Networks() []netip.Prefix { return r.networks }

func (r *testRoutes) Source(dst netip.Addr) (netip.Addr, error) {
	r.asked++
	switch {
	case r.refuse != nil:
		return netip.Addr{}, r.refuse
	case dst == self || dst == outer || dst.IsLoopback():
		return dst, nil // a host speaks to itself from the same address
	case netip.MustParsePrefix("172.16.10.0/24").Contains(dst), dst.IsLinkLocalUnicast():
		return self, nil
	case dst == edge:
		return outer, nil
	}
	return netip.Addr{}, refusingRoutes[dst]
}

// testHost is a host with testRoutes.
func testHost(allow, deny string) (*Host, *testRoutes, *packet.Counters) {
	parse := func(s string) []netip.Prefix {
		if s == "" {
			return nil
		}
		return []netip.Prefix{netip.MustParsePrefix(s)}
	}
	r, counters := new(testRoutes), new(packet.Counters)
	h := New(Config{Routes: r, Allow: parse(allow), Deny: parse(deny), Counters: counters})
	h.SetEdge(edge)
	return h, r, counters
}

// forward is Forward for dst of a client.
func (h *Host) forward(dst netip.Addr, ttl uint8) (uint8, packet.Verdict) {
	w := h.Way(dst)
	return h.Forward(&w, alice, ttl)
}

func TestForward(t *testing.T) {
	elsewhere := netip.MustParseAddr("10.9.9.9")
	none := packet.Verdict{}
	for _, c := range []struct {
		name, allow, deny string
		dst               netip.Addr
		ttl, want         uint8
		verdict           packet.Verdict
	}{
		{"server", "", "", server, 62, 61, none},
		{"expired", "", "", server, 1, 0, packet.Verdict{Reason: packet.TTLExpired, Answer: packet.TimeExceeded}},
		{"expired long ago", "", "", server, 0, 0, packet.Verdict{Reason: packet.TTLExpired, Answer: packet.TimeExceeded}},
		{"our own, TTL 1", "", "", self, 1, 1, none},
		{"our own, TTL 0", "", "", self, 0, 1, none},
		{"our own, TTL 62", "", "", self, 62, 62, none},
		{"expired without a route", "", "", elsewhere, 1, 0, packet.Verdict{Reason: packet.NoRoute, Answer: packet.NetUnreachable}},
		{"expired at an unreachable route", "", "", netip.MustParseAddr("10.1.0.1"), 1, 0, packet.Verdict{Reason: packet.Unreachable, Answer: packet.HostUnreachable}},
		{"expired at an unreachable route 6", "", "", netip.MustParseAddr("fd00::1"), 1, 0, packet.Verdict{Reason: packet.NoRoute, Answer: packet.NetUnreachable}},
		{"expired at a prohibiting route", "", "", netip.MustParseAddr("10.1.0.2"), 1, 0, packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}},
		{"expired at a black hole", "", "", netip.MustParseAddr("10.1.0.3"), 1, 0, packet.Verdict{Reason: packet.SendFailed}},
		{"loopback", "", "", netip.MustParseAddr("127.0.0.1"), 62, 0, packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}},
		{"loopback 6", "", "", netip.IPv6Loopback(), 62, 0, packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}},
		{"loopback, allowed", "127.0.0.0/8", "", netip.MustParseAddr("127.0.0.1"), 62, 62, none},
		{"metadata", "", "", netip.MustParseAddr("169.254.169.254"), 62, 0, packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}},
		{"metadata, allowed", "169.254.169.254/32", "", netip.MustParseAddr("169.254.169.254"), 62, 61, none},
		{"metadata, its network allowed", "169.254.0.0/16", "", netip.MustParseAddr("169.254.169.254"), 62, 61, none},
		{"metadata, everything allowed", "0.0.0.0/0", "", netip.MustParseAddr("169.254.169.254"), 62, 0, packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}},
		{"metadata of Alibaba", "100.64.0.0/10", "", netip.MustParseAddr("100.100.100.200"), 62, 0, packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}},
		{"metadata 6", "", "", netip.MustParseAddr("fd00:ec2::254"), 62, 0, packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}},
		{"metadata by NAT64", "64:ff9b::/96", "", netip.MustParseAddr("64:ff9b::a9fe:a9fe"), 62, 0, packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}},
		{"metadata, the host's own", "", "", netip.MustParseAddr("fe80::a9fe:a9fe"), 62, 0, packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}},
		{"the edge", "", "", edge, 62, 0, packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}},
		{"denied", "", "172.16.10.0/24", server, 62, 0, packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}},
		{"denied wins", "172.16.0.0/12", "172.16.10.120/32", server, 62, 0, packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}},
	} {
		h, _, _ := testHost(c.allow, c.deny)
		ttl, v := h.forward(c.dst, c.ttl)
		if ttl != c.want || v != c.verdict {
			t.Errorf("%s: TTL %d, %+v, want %d, %+v", c.name, ttl, v, c.want, c.verdict)
		}
	}
}

// TestNoRefusalComesFromAMartian: the client's host would drop an error from 127.0.0.1 unread.
func TestNoRefusalComesFromAMartian(t *testing.T) {
	h, _, _ := testHost("", "")
	for _, dst := range []string{"127.0.0.1", "127.1.2.3", "169.254.169.254", "169.254.1.1"} {
		w := h.Way(netip.MustParseAddr(dst))
		_, v := h.Forward(&w, alice, 62)
		if r := h.Refuse(&w, alice, 62, v); r.Error.Src != outer && r.Error.Src != self || r.Reason != packet.Forbidden {
			t.Errorf("%s: refused by %v for %v, want by %v or %v", dst, r.Error.Src, r.Reason, outer, self)
		}
	}
	w := h.Way(netip.MustParseAddr("127.0.0.1"))
	if _, v := h.Forward(&w, alice, 62); h.reporter(&w) != outer || v.Answer != packet.AdminProhibited {
		t.Errorf("127.0.0.1 is refused by %v, want by the address that faces the edge", h.reporter(&w))
	}
}

// RFC 1812 §4.3.2.7, RFC 1122 §3.2.2: nothing is said of a packet for the broadcast address of a
// network of ours.
func TestBroadcastIsSilent(t *testing.T) {
	h, r, _ := testHost("", "172.16.10.255/32")
	r.refuse = syscall.EACCES // as connect says of it
	r.networks = []netip.Prefix{
		netip.MustParsePrefix("172.16.10.100/24"), netip.MustParsePrefix("10.2.0.0/31"), netip.MustParsePrefix("fd00::1/120"),
	}
	want := packet.Verdict{Reason: packet.Multicast}
	for _, ttl := range []uint8{1, 62} {
		if _, v := h.forward(netip.MustParseAddr("172.16.10.255"), ttl); v != want {
			t.Errorf("TTL %d: %+v, want %+v", ttl, v, want)
		}
		for _, other := range []string{"172.16.11.255", "172.16.10.254", "10.2.0.1", "fd00::ff"} {
			if _, v := h.forward(netip.MustParseAddr(other), ttl); v == want {
				t.Errorf("%s is no broadcast address: %+v", other, v)
			}
		}
	}
}

func TestForwardAsOneHop(t *testing.T) {
	h, _, _ := testHost("", "")
	h.cfg.Single = true
	for _, c := range []struct {
		name      string
		dst       netip.Addr
		ttl, want uint8
		reason    packet.Reason
	}{
		{"just enough", server, 2, 64, packet.OK},
		{"plenty", server, 200, 64, packet.OK},
		{"expired", server, 1, 0, packet.TTLExpired},
		{"our own", self, 1, 1, packet.OK},
	} {
		if got, v := h.forward(c.dst, c.ttl); got != c.want || v.Reason != c.reason {
			t.Errorf("%s: TTL %d and %v, want %d and %v", c.name, got, v.Reason, c.want, c.reason)
		}
	}
}

func TestReporter(t *testing.T) {
	h, _, _ := testHost("", "")
	for dst, want := range map[netip.Addr]netip.Addr{
		server:                            self,
		netip.MustParseAddr("10.9.9.9"):   outer, // no route: the address that faces the edge
		netip.MustParseAddr("172.16.0.1"): outer,
	} {
		w := h.Way(dst)
		if r := h.Refuse(&w, alice, 9, packet.Verdict{Reason: packet.NoRoute, Answer: packet.NetUnreachable}); r.Error.Src != want {
			t.Errorf("toward %v: %v, want %v", dst, r.Error.Src, want)
		}
	}
}

func TestWaysAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, r, _ := testHost("", "")
		for range 3 {
			h.Way(server)
		}
		time.Sleep(wayLife + time.Millisecond)
		h.Way(server)
		if r.asked != 2 {
			t.Errorf("asked the routing table %d times, want 2", r.asked)
		}
	})
}

// One way more than there is room for costs the idlest one, and no other is asked for again.
func TestOneWayTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, r, _ := testHost("", "")
		for i := range maxWays + 1 {
			h.Way(dead(i))
		}
		r.asked = 0
		for i := range maxWays {
			h.Way(dead(i + 1))
		}
		if r.asked != 0 {
			t.Errorf("the newcomer made %d others forgotten, want the first alone", r.asked)
		}
	})
}

// A TTL that cannot be remembered any more is that of the address that was silent for longest.
func TestOneTTLTooMany(t *testing.T) {
	h, _, _ := testHost("", "")
	for i := range maxTTLs {
		h.Seen(dead(i), 60)
	}
	h.Seen(dead(0), 59) // heard again
	h.Seen(dead(maxTTLs), 61)
	forgotten := 0
	for i := range maxTTLs + 1 {
		if h.LastTTL(dead(i)) == 0 {
			forgotten++
		}
	}
	if forgotten != 1 || h.LastTTL(dead(1)) != 0 || h.LastTTL(dead(0)) != 59 || h.LastTTL(dead(maxTTLs)) != 61 {
		t.Errorf("%d are forgotten, want the idlest alone", forgotten)
	}
}

func TestLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, counters := testHost("", "")
		w := h.Way(server)
		burst := func(client netip.Addr, why packet.Reason) (n int) {
			for range 1000 {
				if h.speaks(&w, client, why) {
					n++
				}
			}
			return n
		}
		if n := burst(self, packet.TTLExpired); n != errorBurst {
			t.Errorf("%d errors at once, want %d", n, errorBurst)
		}
		for _, full := range []packet.Reason{packet.Unanswered, packet.TableFull, packet.NoBuffers} {
			if n := burst(self, full); n != 0 {
				t.Errorf("%d errors for %v: the burst is spent", n, full)
			}
		}
		if n := burst(server, packet.Unanswered); n != errorBurst/2 {
			t.Errorf("another client, in a sweep: %d, want %d", n, errorBurst/2)
		}
		if n := burst(server, packet.TTLExpired); n != errorBurst/2 {
			t.Errorf("its traceroute: %d, want %d", n, errorBurst/2)
		}
		time.Sleep(time.Second)
		if n := burst(self, packet.TTLExpired); n != errorsPerSecond {
			t.Errorf("%d a second later, want %d", n, errorsPerSecond)
		}
		time.Sleep(time.Minute)
		if n := burst(self, packet.Unanswered); n != errorBurst/2 {
			t.Errorf("a sweep: %d at once, want %d", n, errorBurst/2)
		}
		time.Sleep(time.Second)
		if n := burst(self, packet.Unanswered); n != errorsPerSecond {
			t.Errorf("a sweep goes on: %d in a second, want %d", n, errorsPerSecond)
		}
		if counters.Get(packet.RateLimited) == 0 {
			t.Error("what was not said is not counted")
		}
	})
}

// One client too many gives nobody who has just spent it a burst anew.
func TestOneClientTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, _ := testHost("", "")
		w := h.Way(server)
		for range errorBurst {
			h.speaks(&w, alice, packet.TTLExpired)
		}
		for i := range maxLimited - 1 {
			h.speaks(&w, dead(i), packet.TTLExpired)
		}
		h.speaks(&w, dead(maxLimited), packet.TTLExpired)
		if h.speaks(&w, alice, packet.TTLExpired) {
			t.Error("a newcomer gave another its burst anew")
		}
	})
}
