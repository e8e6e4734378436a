package connector

import (
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

var (
	self   = netip.MustParseAddr("172.16.10.100")
	server = netip.MustParseAddr("172.16.10.120")
	outer  = netip.MustParseAddr("203.0.113.2") // this host's other address, toward the edge
	edge   = netip.MustParseAddr("192.0.2.1")
)

// refusingRoutes are destinations for which connect fails otherwise than without a route.
var refusingRoutes = map[netip.Addr]error{
	netip.MustParseAddr("10.1.0.1"): syscall.EHOSTUNREACH,
	netip.MustParseAddr("fd00::1"):  syscall.EHOSTUNREACH,
	netip.MustParseAddr("10.1.0.2"): syscall.EACCES,
	netip.MustParseAddr("10.1.0.3"): syscall.EINVAL,
}

// testHost has two addresses and a route to its subnet and to the edge.
func testHost(allow, deny string) *host {
	parse := func(s string) []netip.Prefix {
		if s == "" {
			return nil
		}
		return []netip.Prefix{netip.MustParsePrefix(s)}
	}
	h := newHost(parse(allow), parse(deny))
	h.route = func(dst netip.Addr) (netip.Addr, error) {
		switch {
		case dst == self || dst == outer || dst.IsLoopback():
			return dst, nil // a host speaks to itself from the same address
		case netip.MustParsePrefix("172.16.10.0/24").Contains(dst), dst.IsLinkLocalUnicast():
			return self, nil
		case dst == edge:
			return outer, nil
		}
		return netip.Addr{}, refusingRoutes[dst]
	}
	h.networks = func() []netip.Prefix { return nil }
	h.setEdge(edge)
	return h
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
		{"the edge", "", "", edge, 62, 0, packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}},
		{"denied", "", "172.16.10.0/24", server, 62, 0, packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}},
		{"denied wins", "172.16.0.0/12", "172.16.10.120/32", server, 62, 0, packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}},
	} {
		ttl, v := testHost(c.allow, c.deny).forward(c.dst, c.ttl)
		if ttl != c.want || v != c.verdict {
			t.Errorf("%s: TTL %d, %+v, want %d, %+v", c.name, ttl, v, c.want, c.verdict)
		}
	}
}

// RFC 1812 §4.3.2.7, RFC 1122 §3.2.2: nothing is said of a packet for the broadcast address of a network of ours.
func TestBroadcastIsSilent(t *testing.T) {
	h := testHost("", "172.16.10.255/32")
	h.route = func(netip.Addr) (netip.Addr, error) { return netip.Addr{}, syscall.EACCES } // as connect says of it
	h.networks = func() []netip.Prefix {
		return []netip.Prefix{netip.MustParsePrefix("172.16.10.100/24"), netip.MustParsePrefix("10.2.0.0/31"), netip.MustParsePrefix("fd00::1/120")}
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
	h := testHost("", "")
	h.single = true
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
	h := testHost("", "")
	for dst, want := range map[netip.Addr]netip.Addr{
		server:                            self,
		netip.MustParseAddr("10.9.9.9"):   outer, // no route: the address that faces the edge
		netip.MustParseAddr("172.16.0.1"): outer,
	} {
		if got, ok := h.reporter(dst); !ok || got != want {
			t.Errorf("toward %v: %v, want %v", dst, got, want)
		}
	}
}

func TestWaysAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, asked := newHost(nil, nil), 0
		h.route = func(netip.Addr) (netip.Addr, error) { asked++; return self, nil }
		for range 3 {
			h.source(server)
		}
		time.Sleep(wayLife + time.Millisecond)
		h.source(server)
		if asked != 2 {
			t.Errorf("asked the routing table %d times, want 2", asked)
		}
	})
}

func TestLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter()
		burst := func(client netip.Addr, why packet.Reason) (n int) {
			for range 1000 {
				if l.allow(client, why) {
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
		if n := burst(server, packet.Unanswered); n != errorBurst-pathReserve {
			t.Errorf("another client, in a sweep: %d, want %d", n, errorBurst-pathReserve)
		}
		if n := burst(server, packet.TTLExpired); n != pathReserve {
			t.Errorf("its traceroute: %d, want %d", n, pathReserve)
		}
		time.Sleep(time.Second)
		if n := burst(self, packet.TTLExpired); n != errorRate {
			t.Errorf("%d a second later, want %d", n, errorRate)
		}
		time.Sleep(time.Minute)
		if n := burst(self, packet.Unanswered); n != errorBurst-pathReserve {
			t.Errorf("a sweep: %d at once, want %d", n, errorBurst-pathReserve)
		}
		time.Sleep(time.Second)
		if n := burst(self, packet.Unanswered); n != errorRate {
			t.Errorf("a sweep goes on: %d in a second, want %d", n, errorRate)
		}
	})
}

func TestDispatchRefuses(t *testing.T) {
	d := dispatch{host: testHost("", ""), limit: newLimiter(), unanswered: newUnanswered(func(packet.Reason) {}), up: &uplink{}, counters: &packet.Counters{}, icmp: &icmpRoom{}}
	reply := packet.AppendEcho(nil, &packet.Echo{Src: edge, Dst: server, Reply: true})
	udp := packet.AppendUDP(nil, &packet.UDPPacket{Src: netip.AddrPortFrom(edge, 1), Dst: netip.AddrPortFrom(server, 2)})
	request := packet.AppendEcho(nil, &packet.Echo{Src: edge, Dst: server, Ident: 1, TTL: 62})
	for _, c := range []struct {
		name string
		in   []byte
		want packet.Reason
	}{
		{"nothing", nil, packet.Malformed},
		{"unknown type", []byte{99}, packet.UnknownType},
		{"a short packet", []byte{byte(proto.TypePacket), 0x45}, packet.Malformed},
		{"a short registration", []byte{byte(proto.TypeUDPRegistration)}, packet.Malformed},
		{"a short payload", []byte{byte(proto.TypeUDPPayload)}, packet.Malformed},
		{"a short event", []byte{byte(proto.TypeUDPEvent)}, packet.Malformed},
		{"an echo reply", proto.AppendPacket(nil, reply), packet.Unsupported},
		{"a UDP packet", proto.AppendPacket(nil, udp), packet.Unsupported},
		{"a request without ICMP and link", proto.AppendPacket(nil, request), packet.LinkDown},
	} {
		if got := d.datagram(nil, c.in); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if v := d.echo(&packet.Packet{}, 9); v != (packet.Verdict{Reason: packet.ICMPOff, Answer: packet.AdminProhibited}) {
		t.Errorf("without ICMP: %+v", v)
	}
}
