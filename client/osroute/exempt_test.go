package osroute

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExemptions(t *testing.T) {
	for _, tc := range []struct {
		name      string
		capture   []string
		connected []string
		gateways  []string
		deny      bool
		want      []string // prefix, then the bits that count
	}{
		{"shorter loses", []string{"172.16.10.0/24"}, []string{"172.16.0.0/16"}, nil, false, nil},
		{"equal loses", []string{"172.16.10.0/24"}, []string{"172.16.10.0/24"}, nil, false, nil},
		{"equal to the inner of two captures", []string{"172.16.0.0/12", "172.16.10.0/24"}, []string{"172.16.10.0/24"}, nil, false, nil},
		{"between two captures", []string{"172.16.0.0/12", "172.16.10.0/24"}, []string{"172.16.0.0/16"}, nil, false, []string{"172.16.0.0/16 16"}},
		{"longer stays", []string{"172.16.10.0/24"}, []string{"172.16.10.128/25"}, nil, false, []string{"172.16.10.128/25 25"}},
		{"everything", []string{"0.0.0.0/0"}, []string{"192.168.1.0/24"}, []string{"192.168.1.1"}, false, []string{"192.168.1.0/24 24"}},
		{"not captured", []string{"10.0.0.0/8"}, []string{"192.168.1.0/24"}, []string{"192.168.1.1"}, false, nil},
		{"gateway in an equal one", []string{"172.16.10.0/24"}, []string{"172.16.10.0/24"}, []string{"172.16.10.1"}, false, []string{"172.16.10.1/32 24"}},
		{"gateway that is no neighbour", []string{"172.16.10.0/24"}, []string{"192.168.1.0/24"}, []string{"172.16.10.1"}, false, nil},
		{"gateway that is captured itself", []string{"172.16.10.1/32"}, []string{"172.16.10.0/24"}, []string{"172.16.10.1"}, false, nil},
		{"deny", []string{"0.0.0.0/0"}, []string{"192.168.1.0/24"}, nil, true, nil},
		{"deny but for the gateway", []string{"0.0.0.0/0"}, []string{"192.168.1.0/24"}, []string{"192.168.1.1"}, true, []string{"192.168.1.1/32 24"}},
		{"IPv6 shorter", []string{"fd00:7::/64"}, []string{"fd00:7::/48"}, nil, false, nil},
		{"IPv6 equal", []string{"fd00:7::/64"}, []string{"fd00:7::/64"}, []string{"fd00:7::1"}, false, []string{"fd00:7::1/128 64"}},
		{"IPv6 longer", []string{"fd00:7::/48"}, []string{"fd00:7::/64"}, nil, false, []string{"fd00:7::/64 64"}},
		{"IPv6 everything, deny", []string{"::/0"}, []string{"2001:db8:1::/64"}, []string{"2001:db8:1::ff"}, true, []string{"2001:db8:1::ff/128 64"}},
		{"IPv4 does not cover IPv6", []string{"0.0.0.0/0"}, []string{"2001:db8:1::/64"}, []string{"2001:db8:1::ff"}, false, nil},
		{"hops are captured", nil, []string{"172.68.101.0/24"}, nil, false, nil},
	} {
		cfg := Config{Capture: parse(tc.capture...), Hops: []netip.Addr{netip.MustParseAddr("172.68.101.57")}, DenyLAN: tc.deny}
		var connected []onlink
		for _, p := range parse(tc.connected...) {
			connected = append(connected, onlink{p, "eth0"})
		}
		var gateways []netip.Addr
		for _, g := range tc.gateways {
			gateways = append(gateways, netip.MustParseAddr(g))
		}
		var got []string
		for _, e := range exemptions(cfg, connected, gateways) {
			got = append(got, fmt.Sprint(e.prefix, " ", e.least))
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, d)
		}
	}
}

func TestUnderlayGateways(t *testing.T) {
	p, a := netip.MustParsePrefix, netip.MustParseAddr
	routes := []gatewayRoute{
		{p("0.0.0.0/0"), "eth0", a("192.168.1.1")},
		{p("198.51.100.0/24"), "eth0", a("192.168.1.2")}, // toward the edge
		{p("10.0.0.0/8"), "eth0", a("192.168.1.3")},      // a static route, or one of DHCP
		{p("0.0.0.0/0"), "oneping0", a("172.68.101.57")}, // our own
		{p("::/0"), "eth0", a("fe80::1")},
		{p("::/0"), "eth0", a("2001:db8:1::ff")},
		{p("0.0.0.0/0"), "wlan0", a("192.168.1.1")},
	}
	want := []netip.Addr{a("192.168.1.1"), a("192.168.1.2"), a("2001:db8:1::ff")}
	if got := underlayGateways(planConfig(), routes); !slices.Equal(got, want) {
		t.Errorf("gateways %v, want %v", got, want)
	}
}

func TestLocalWarnings(t *testing.T) {
	eth0 := func(s string) onlink { return onlink{netip.MustParsePrefix(s), "eth0"} }
	stays := "part of captured 172.16.0.0/12 is not captured: 172.17.0.0/16 is directly connected on eth0"
	for _, tc := range []struct {
		name     string
		capture  []string
		c        onlink
		gateways []netip.Addr
		deny     bool
		want     []string
	}{
		{"longer", []string{"172.16.0.0/12"}, eth0("172.17.0.0/16"), nil, false, []string{stays}},
		{"longer, deny", []string{"172.16.0.0/12"}, eth0("172.17.0.0/16"), nil, true, nil},
		{"everything", []string{"0.0.0.0/0"}, eth0("172.17.0.0/16"), nil, false, nil},
		{"everything, and a network of the internet", []string{"0.0.0.0/0"}, eth0("8.8.8.0/24"), nil, false, []string{"part of captured 0.0.0.0/0 is not captured: 8.8.8.0/24 is directly connected on eth0"}},
		{"everything, and half of it", []string{"0.0.0.0/0"}, eth0("0.0.0.0/1"), nil, false, []string{"part of captured 0.0.0.0/0 is not captured: 0.0.0.0/1 is directly connected on eth0"}},
		{"everything, denied", []string{"0.0.0.0/0"}, eth0("8.8.8.0/24"), nil, true, nil},
		{"everything of IPv6", []string{"::/0"}, eth0("2001:db8:1::/64"), nil, false, nil},
		{"everything of IPv6, and a short prefix", []string{"::/0"}, eth0("2000::/3"), nil, false, []string{"part of captured ::/0 is not captured: 2000::/3 is directly connected on eth0"}},
		{"equal", []string{"172.17.0.0/16"}, eth0("172.17.0.0/16"), nil, false, []string{"addresses of the local network 172.17.0.0/16 on eth0 are captured, and reached through oneping: 172.17.0.0/16"}},
		{"shorter", []string{"172.17.1.0/24", "172.17.2.0/24"}, eth0("172.17.0.0/16"), nil, false, []string{"addresses of the local network 172.17.0.0/16 on eth0 are captured, and reached through oneping: 172.17.1.0/24 and 1 more"}},
		{"between", []string{"172.16.0.0/12", "172.17.1.0/24"}, eth0("172.17.0.0/16"), nil, false, []string{stays, "addresses of the local network 172.17.0.0/16 on eth0 are captured, and reached through oneping: 172.17.1.0/24"}},
		{"gateway in a captured network", []string{"172.17.0.0/16"}, eth0("172.17.0.0/16"), []netip.Addr{netip.MustParseAddr("172.17.0.1")}, true, []string{"the gateway 172.17.0.1 is not captured, although it lies within captured 172.17.0.0/16"}},
	} {
		cfg := Config{Capture: parse(tc.capture...), DenyLAN: tc.deny}
		var got []string
		for _, w := range localWarnings(cfg, []onlink{tc.c}, exemptions(cfg, []onlink{tc.c}, tc.gateways)) {
			if got = append(got, w.Text); w.Hint == "" {
				t.Errorf("%s: no hint", tc.name)
			}
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, d)
		}
	}
}

// A hostile access network gives its hosts an address in a prefix of its choice: whichever it is,
// what is captured keeps to the device, but for what is more specific than the capture.
func TestOneTableLocalNet(t *testing.T) {
	eachSystem(t, func(t *testing.T, windows bool) {
		for _, tc := range []struct {
			connected string
			deny      bool
			ways      map[string]string
		}{
			{"172.16.0.0/16", false, map[string]string{"172.16.10.120": fakeDevice, "172.16.10.1": fakeUplink, "172.16.11.1": fakeUplink}},
			{"172.16.10.0/24", false, map[string]string{"172.16.10.120": fakeDevice, "172.16.10.255": fakeDevice, "172.16.10.1": fakeUplink}},
			{"172.16.10.0/25", false, map[string]string{"172.16.10.120": fakeUplink, "172.16.10.1": fakeUplink, "172.16.10.200": fakeDevice}},
			{"172.16.10.0/25", true, map[string]string{"172.16.10.120": fakeDevice, "172.16.10.1": fakeUplink, "172.16.10.2": fakeDevice, "172.16.10.200": fakeDevice}},
			{"fd00:7::/48", false, map[string]string{"fd00:7::120": fakeDevice, "fd00:7::1": fakeUplink, "fd00:7:0:1::1": fakeUplink}},
			{"fd00:7::/64", false, map[string]string{"fd00:7::120": fakeDevice, "fd00:7::1": fakeUplink}},
			{"fd00:7::/65", true, map[string]string{"fd00:7::120": fakeDevice, "fd00:7::1": fakeUplink}},
			{"fd00:7::/65", false, map[string]string{"fd00:7::120": fakeUplink, "fd00:7::1": fakeUplink, "fd00:7::8000:0:0:1": fakeDevice}},
		} {
			sys := newFakeSystem(windows)
			sys.add(tc.connected, fakeUplink, false, true)
			sys.router("0.0.0.0/0", "172.16.10.1")
			sys.router("::/0", "fd00:7::1")
			before := sys.snapshot()
			table := newOneTable(sys)
			cfg := fakeConfig("172.16.10.0/24", "fd00:7::/64")
			cfg.DenyLAN = tc.deny
			mustApply(t, table, cfg)
			for dst, want := range tc.ways {
				if got := sys.way(dst); got != want {
					t.Errorf("connected %s, deny %v: %s goes to %s, want %s", tc.connected, tc.deny, dst, got, want)
				}
			}
			if err := table.Undo(); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(before, sys.snapshot()); d != "" {
				t.Errorf("connected %s: Undo (-before +after):\n%s", tc.connected, d)
			}
		}
	})
}

func TestWithout(t *testing.T) {
	for _, tc := range []struct {
		p, hole string
		want    []string
	}{
		{"10.0.0.0/30", "10.0.0.1/32", []string{"10.0.0.2/31", "10.0.0.0/32"}},
		{"10.0.0.0/32", "10.0.0.0/32", nil},
		{"10.0.0.0/30", "10.0.1.1/32", []string{"10.0.0.0/30"}},
		{"fd00::/126", "fd00::3/128", []string{"fd00::/127", "fd00::2/128"}},
	} {
		if got := without(netip.MustParsePrefix(tc.p), netip.MustParsePrefix(tc.hole)); !slices.Equal(got, parse(tc.want...)) {
			t.Errorf("%s without %s: %v, want %v", tc.p, tc.hole, got, tc.want)
		}
	}
}
