package osroute

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func planConfig(capture ...string) Config {
	return withDefaults(Config{
		Device:   "oneping0",
		Addrs:    parse("100.96.0.5/32", "fd00:1::5/128"),
		Capture:  parse(capture...),
		Hops:     []netip.Addr{netip.MustParseAddr("172.68.101.57")},
		Underlay: []netip.AddrPort{netip.MustParseAddrPort("198.51.100.9:7844")},
		Mark:     0x1,
	})
}

func (r rule) String() string {
	return fmt.Sprintf("%d v6=%v from %v to %v not=%v mark=%#x proto=%d dport=%d table=%d suppress=%d", r.priority, r.v6, r.from, r.to, r.not, r.mark, r.proto, r.dport, r.table, r.suppress)
}

func TestWantRules(t *testing.T) {
	exempt := []exemption{{netip.MustParsePrefix("192.168.1.0/24"), 24}, {netip.MustParsePrefix("2001:db8::/64"), 64}, {netip.MustParsePrefix("10.0.0.1/32"), 24}}
	var got []string
	for _, r := range wantRules(planConfig(), exempt, families{v4: true, v6: true}) {
		got = append(got, r.String())
	}
	none := "invalid Prefix"
	want := []string{
		"5002 v6=false from " + none + " to 198.51.100.9/32 not=false mark=0x0 proto=17 dport=7844 table=254 suppress=-1",
		"5005 v6=false from " + none + " to 192.168.1.0/24 not=false mark=0x0 proto=0 dport=0 table=254 suppress=23",
		"5006 v6=false from " + none + " to 192.168.1.0/24 not=false mark=0x0 proto=0 dport=0 table=7845 suppress=-1",
		"5005 v6=true from " + none + " to 2001:db8::/64 not=false mark=0x0 proto=0 dport=0 table=254 suppress=63",
		"5006 v6=true from " + none + " to 2001:db8::/64 not=false mark=0x0 proto=0 dport=0 table=7845 suppress=-1",
		"5005 v6=false from " + none + " to 10.0.0.1/32 not=false mark=0x0 proto=0 dport=0 table=254 suppress=23",
		"5006 v6=false from " + none + " to 10.0.0.1/32 not=false mark=0x0 proto=0 dport=0 table=7845 suppress=-1",
		"5000 v6=false from 100.96.0.5/32 to " + none + " not=false mark=0x0 proto=0 dport=0 table=7844 suppress=-1",
		"5001 v6=false from 100.96.0.5/32 to " + none + " not=false mark=0x0 proto=0 dport=0 table=7845 suppress=-1",
		"5000 v6=true from fd00:1::5/128 to " + none + " not=false mark=0x0 proto=0 dport=0 table=7844 suppress=-1",
		"5001 v6=true from fd00:1::5/128 to " + none + " not=false mark=0x0 proto=0 dport=0 table=7845 suppress=-1",
		"5004 v6=false from " + none + " to " + none + " not=true mark=0x1 proto=0 dport=0 table=9844 suppress=-1",
		"5003 v6=false from " + none + " to " + none + " not=true mark=0x1 proto=0 dport=0 table=7844 suppress=-1",
		"5004 v6=true from " + none + " to " + none + " not=true mark=0x1 proto=0 dport=0 table=9844 suppress=-1",
		"5003 v6=true from " + none + " to " + none + " not=true mark=0x1 proto=0 dport=0 table=7844 suppress=-1",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, r := range wantRules(planConfig(), exempt, families{v4: true}) {
		if r.v6 {
			t.Errorf("without IPv6 there is the rule %v", r)
		}
	}
}

func (r tableRoute) String() string {
	via := ""
	if r.via.IsValid() {
		via = fmt.Sprintf("via %s ", r.via)
	}
	return fmt.Sprintf("%d %d %s %sdev %d src %s metric %d", r.table, r.kind, r.dst, via, r.dev, r.src, r.metric)
}

func TestWantRoutes(t *testing.T) {
	cfg := planConfig("172.16.0.0/12", "fd00:7::/48")
	cfg.Addrs = parse("100.96.0.5/32") // no IPv6 address: its capture is unreachable, not routed from another address
	var got []string
	exempt := []exemption{{netip.MustParsePrefix("172.17.0.0/16"), 16}, {netip.MustParsePrefix("fd00:7:0:1::/64"), 64}}
	for _, r := range wantRoutes(cfg, 4, nextHops(cfg, nil), exempt, families{v4: true, v6: true}) {
		if r.kind != throw || slices.ContainsFunc(exempt, func(e exemption) bool { return e.prefix == r.dst }) {
			got = append(got, r.String())
		}
	}
	want := []string{
		"7844 9 172.17.0.0/16 dev 0 src invalid IP metric 100",
		"9844 9 172.17.0.0/16 dev 0 src invalid IP metric 100",
		"7844 9 fd00:7:0:1::/64 dev 0 src invalid IP metric 100",
		"9844 9 fd00:7:0:1::/64 dev 0 src invalid IP metric 100",
		"9844 7 172.16.0.0/12 dev 0 src invalid IP metric 65000",
		"9844 7 172.68.101.57/32 dev 0 src invalid IP metric 65000",
		"9844 7 fd00:7::/48 dev 0 src invalid IP metric 65000",
		"7845 7 0.0.0.0/0 dev 0 src invalid IP metric 65000",
		"7845 7 ::/0 dev 0 src invalid IP metric 65000", // what is exempt is stopped, too, when its own route is gone
		"7844 1 172.16.0.0/12 via 172.68.101.57 dev 4 src 100.96.0.5 metric 90",
		"7844 1 172.68.101.57/32 dev 4 src 100.96.0.5 metric 100",
		"7845 1 0.0.0.0/0 dev 4 src 100.96.0.5 metric 100",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestNextHops(t *testing.T) {
	p := netip.MustParsePrefix
	cfg := planConfig()
	cfg.Hops = []netip.Addr{{}, netip.MustParseAddr("::ffff:172.68.101.57"), netip.MustParseAddr("fd00:9::1")}
	for _, c := range []struct {
		name string
		main []mainRoute
		want string
	}{
		{"no route", nil, "[172.68.101.57 fd00:9::1]"},
		{"default routes", []mainRoute{{p("0.0.0.0/0"), "eth0", true, true}, {p("::/0"), "eth0", true, true}}, "[172.68.101.57 fd00:9::1]"},
		{"our own", []mainRoute{{p("fd00:9::1/128"), "oneping0", false, true}}, "[172.68.101.57 fd00:9::1]"},
		{"another way", []mainRoute{{p("fd00::/8"), "eth0", true, false}}, "[172.68.101.57]"},
	} {
		if got := fmt.Sprint(nextHops(cfg, c.main)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestCaptured(t *testing.T) {
	cfg := Config{
		Capture: append(parse("10.1.2.3/8", "10.0.0.0/8", "224.0.0.0/8", "127.0.0.0/8", "169.254.169.254/32", "fe80::/64", "ff02::/16", "::/0", "::ffff:10.2.0.0/112"), netip.Prefix{}),
		Hops:    []netip.Addr{netip.MustParseAddr("::ffff:172.68.101.57"), {}},
	}
	want := parse("10.0.0.0/8", "10.2.0.0/16", "172.68.101.57/32", "::/0")
	if got := captured(cfg); !slices.Equal(got, want) {
		t.Errorf("captured = %v, want %v", got, want)
	}
}

func TestConnectedPrefixes(t *testing.T) {
	p := netip.MustParsePrefix
	routes := []mainRoute{
		{p("192.168.1.0/24"), "eth0", false, true},
		{p("192.168.1.0/24"), "wlan0", false, true}, // the same network twice
		{p("0.0.0.0/0"), "eth0", true, true},        // default
		{p("0.0.0.0/0"), "ppp0", false, true},       // default without gateway
		{p("172.16.0.0/12"), "eth0", true, false},   // static
		{p("10.0.0.0/8"), "wwan0", false, false},    // static without gateway
		{p("10.9.0.0/16"), "eth0", true, true},      // from DHCP, by a gateway
		{p("100.96.0.0/12"), "oneping0", false, true},
		{p("fe80::/64"), "eth0", false, true},
		{p("169.254.0.0/16"), "eth0", false, true},
		{p("2001:db8::/64"), "eth0", false, true},
		{p("10.8.0.0/16"), "", false, true}, // its interface has just gone
	}
	want := []onlink{{p("192.168.1.0/24"), "eth0"}, {p("2001:db8::/64"), "eth0"}}
	if got := connectedPrefixes(routes, "oneping0"); !slices.Equal(got, want) {
		t.Errorf("connectedPrefixes = %v, want %v", got, want)
	}
}

func TestSlots(t *testing.T) {
	for device, want := range map[string]int{"oneping0": 0, "oneping7": 7, "oneping99": 99} {
		if got := slot(device); got != want {
			t.Errorf("slot(%s) = %d, want %d", device, got, want)
		}
	}
	for _, device := range []string{"oneping100", "oneping", "tun0", "lab-a"} {
		if got := slot(device); got < 100 || got >= slots || got != slot(device) {
			t.Errorf("slot(%s) = %d", device, got)
		}
	}
	cfg := withDefaults(Config{Device: "oneping1"})
	if cfg.Table != 7846 || cfg.Priority != 5007 {
		t.Errorf("oneping1 has table %d and priority %d, want 7846 and 5007", cfg.Table, cfg.Priority)
	}
	if cfg := withDefaults(Config{Device: "oneping1", Table: 9, Priority: 8}); cfg.Table != 9 || cfg.Priority != 8 {
		t.Errorf("given table and priority became %d and %d", cfg.Table, cfg.Priority)
	}
}

func TestHostWarnings(t *testing.T) {
	everything, some := planConfig("0.0.0.0/0"), planConfig("172.16.0.0/12")
	blind := everything
	blind.Underlay = nil
	for _, tc := range []struct {
		name  string
		cfg   Config
		facts hostFacts
		want  []string // words of the warnings
	}{
		{"all well", everything, hostFacts{ipv6: true}, nil},
		{"strict, way to the edge not captured", some, hostFacts{ipv6: true, strict: []string{"eth0"}}, nil},
		{"strict, everything captured", everything, hostFacts{ipv6: true, strict: []string{"eth0", "wlan0"}}, []string{"on eth0, wlan0: ICMP errors"}},
		{"strict, edge unknown", blind, hostFacts{ipv6: true, strict: []string{"eth0"}}, []string{"the edge's answers"}},
		{"no IPv6", some, hostFacts{}, []string{"no IPv6"}},
		{"read-only /proc/sys", some, hostFacts{ipv6: true, failed: []string{"ipv6/conf/oneping0/accept_ra"}}, []string{"cannot write ipv6/conf/oneping0/accept_ra"}},
	} {
		got := hostWarnings(tc.cfg, tc.facts)
		if len(got) != len(tc.want) {
			t.Errorf("%s: %v, want %d", tc.name, got, len(tc.want))
			continue
		}
		for i, w := range got {
			if !strings.Contains(w.Text, tc.want[i]) || w.Hint == "" {
				t.Errorf("%s: %+v, want %q and a hint", tc.name, w, tc.want[i])
			}
		}
	}
}

func TestDiff(t *testing.T) {
	add, remove := diff([]int{1, 2, 3}, []int{3, 4, 4, 1})
	if !slices.Equal(add, []int{4}) || !slices.Equal(remove, []int{2}) {
		t.Errorf("diff = add %v, remove %v", add, remove)
	}
}

// A list of the longest length is compared in a moment, not in minutes.
func TestDiffOfLongLists(t *testing.T) {
	have := make([]netip.Prefix, 200_000)
	for i := range have {
		have[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
	}
	want := slices.Clone(have[:len(have)-1])
	slices.Reverse(want)
	want = append(want, parse("192.0.2.0/24")...)
	add, remove := diff(have, want)
	if !slices.Equal(add, parse("192.0.2.0/24")) || !slices.Equal(remove, have[len(have)-1:]) {
		t.Errorf("diff = add %v, remove %v", add, remove)
	}
}

// TestWatchLoop checks in virtual time that a burst of events is one change, that a change during
// the callback is another, and how watch ends.
func TestWatchLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		events, closed := make(chan bool), make(chan struct{})
		stop := func() error { close(closed); return nil }
		next := func() (bool, error) {
			select {
			case matters := <-events:
				return matters, nil
			case <-closed:
				return false, errors.New("closed")
			}
		}
		changes := 0
		ended := make(chan error, 1)
		go func() { ended <- watch(ctx, func() { changes++ }, stop, next) }()
		expect := func(want int) {
			t.Helper()
			time.Sleep(2 * settleTime) // virtual
			synctest.Wait()
			if changes != want {
				t.Errorf("%d changes, want %d", changes, want)
			}
		}
		expect(1) // the one at the start
		for range 10 {
			events <- true
		}
		expect(2)
		events <- false
		expect(2)
		events <- true
		expect(3)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("watch = %v", err)
		}
	})
}

func TestWatchLoopFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		err := watch(t.Context(), func() {}, func() error { return nil }, func() (bool, error) { return false, boom })
		if !errors.Is(err, boom) {
			t.Errorf("watch = %v, want boom", err)
		}
	})
}
