package policy

import (
	"net/netip"
	"testing"
)

// TestTrace: the word trace allows ICMP and exactly the ports of probes, of both families, and no TCP.
func TestTrace(t *testing.T) {
	c := compiled(t, `grants: [{id: path, who: ["*"], to: [172.16.10.0/24, "fd00::/64"], how: [trace]}]`)
	p := c.Principal("d", "alice")
	for _, dst := range []netip.Addr{netip.MustParseAddr("172.16.10.1"), netip.MustParseAddr("fd00::1")} {
		if d := c.Decide(&p, Target{Dst: dst, Proto: ICMP}); d.Grant != "path" {
			t.Errorf("icmp %v: %+v", dst, d)
		}
		for port := range 1 << 16 {
			want := port >= 33000 && port <= 33534 || port >= 44444 && port <= 44507
			if d := c.Decide(&p, Target{Dst: dst, Proto: UDP, Port: uint16(port)}); d.Allowed != want {
				t.Errorf("udp %v port %d: %+v, want %v", dst, port, d, want)
			}
			if d := c.Decide(&p, Target{Dst: dst, Proto: TCP, Port: uint16(port)}); d.Allowed {
				t.Errorf("tcp %v port %d is allowed", dst, port)
			}
		}
	}
}

// TestProbesAreOneDenial: those of one run, and of nothing else.
func TestProbesAreOneDenial(t *testing.T) {
	for port, want := range map[uint16]uint16{
		32999: 32999, 33000: 33000, 33433: 33000, 33434: 33434, 33534: 33434, 33689: 33434, 33690: 33690,
		44443: 44443, 44444: 44444, 44507: 44444, 44508: 44508, 53: 53, 51820: 51820,
	} {
		if got := probePort(port); got != want {
			t.Errorf("port %d counts as %d, want %d", port, got, want)
		}
	}
}
