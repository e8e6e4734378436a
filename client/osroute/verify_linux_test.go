package osroute

import (
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/advice"
)

// other is somebody else's software: its rules, and the routes of their table.
type other struct {
	name   string
	rules  []func(*netlink.Rule)
	table  int // of a default route by eth0, 0 = none
	static string
	want   string // what Apply says; "" = the rules move in front
}

var others = []other{
	{name: "wg-quick", table: 51820, rules: []func(*netlink.Rule){
		func(r *netlink.Rule) { r.Table, r.SuppressPrefixlen = tableMain, 0 },
		func(r *netlink.Rule) { r.Table, r.Mark, r.Invert = 51820, 51820, true },
	}},
	{name: "NetBird and a static route", static: "172.16.10.0/24", rules: []func(*netlink.Rule){
		func(r *netlink.Rule) { r.Table, r.SuppressPrefixlen, r.Priority = tableMain, 0, 100 },
	}},
	{name: "one prefix", table: 99, rules: []func(*netlink.Rule){
		func(r *netlink.Rule) {
			r.Table, r.Priority, r.Dst = 99, 300, toIPNet(netip.MustParsePrefix("172.16.10.128/26"))
		},
	}},
	{name: "a user's", table: 99, rules: []func(*netlink.Rule){
		func(r *netlink.Rule) { r.Table, r.Priority, r.UIDRange = 99, 300, netlink.NewRuleUIDRange(1000, 1999) },
	}},
	{name: "a port's", table: 99, rules: []func(*netlink.Rule){
		func(r *netlink.Rule) {
			r.Table, r.Priority, r.IPProto, r.Dport = 99, 300, unix.IPPROTO_TCP, netlink.NewRulePortRange(443, 443)
		},
	}},
	{name: "an address's", table: 99, rules: []func(*netlink.Rule){
		func(r *netlink.Rule) {
			r.Table, r.Priority, r.Src = 99, 300, toIPNet(netip.MustParsePrefix("192.168.1.0/24"))
		},
	}},
	{
		name: "no room", table: 99, rules: []func(*netlink.Rule){func(r *netlink.Rule) { r.Table, r.Priority = 99, 3 }},
		want: "captured 172.16.0.0/12 leaves by eth0, not through oneping: route 0.0.0.0/0 of table 99; rule 3: from all lookup 99 stands before oneping's",
	},
	{
		name: "a refusal", rules: []func(*netlink.Rule){func(r *netlink.Rule) {
			r.Type, r.Priority, r.Dst = unix.FR_ACT_PROHIBIT, 3, toIPNet(netip.MustParsePrefix("172.16.0.0/16"))
		}},
		want: "captured 172.16.0.0/12 is refused by this host; rule 3: from all to 172.16.0.0/16 (refuses) stands before oneping's",
	},
}

func (m *machine) install(o other) {
	m.t.Helper()
	if o.table != 0 {
		m.must(netlink.RouteAdd(&netlink.Route{Table: o.table, Dst: toIPNet(everything(false)), Gw: net.ParseIP("192.168.1.254"), LinkIndex: m.link("eth0").Attrs().Index}))
	}
	if o.static != "" {
		m.route(o.static, "192.168.1.254", "eth0")
	}
	for _, change := range o.rules {
		r := netlink.NewRule()
		r.Family = unix.AF_INET
		change(r)
		m.must(netlink.RuleAdd(r))
	}
}

// Whatever other software puts before our rules, what is captured goes into the device, or Apply
// says what takes it: the rules move, a client that is started again keeps their place, also
// without a journal, and all of it is undone.
func TestKernelNeighbours(t *testing.T) {
	for _, o := range others {
		t.Run(strings.ReplaceAll(o.name, " ", "_"), func(t *testing.T) {
			if namespaced(t) {
				beside(t, o)
			}
		})
	}
}

func beside(t *testing.T, o other) {
	m := newMachine(t)
	m.route("0.0.0.0/0", "192.168.1.254", "eth0")
	journal := filepath.Join(t.TempDir(), "host.json")
	cfg := testConfig("172.16.0.0/12", "fd00:7::/48")
	r := New(zap.NewNop())
	m.must(r.Adopt(cfg, journal))
	m.must(r.Apply(t.Context(), cfg))
	m.install(o)
	if o.want != "" {
		err := r.Apply(t.Context(), cfg)
		if err == nil || err.Error() != o.want || advice.Of(err) == "" {
			t.Errorf("Apply = %v, want %q with a hint", err, o.want)
		}
		m.must(r.Undo())
		return
	}
	m.must(r.Apply(t.Context(), cfg))
	m.allCaptured("moved in front")
	if r.own.Priority >= basePriority || len(r.former) > 0 {
		t.Errorf("the rules are at %d, formerly at %v", r.own.Priority, r.former)
	}
	moved := r.own.Priority
	// The client is killed, and the next one finds the place by the journal, or by the rules.
	for _, path := range []string{journal, filepath.Join(t.TempDir(), "other.json")} {
		r = New(zap.NewNop())
		m.must(m.tun.Close())
		m.must(r.Adopt(cfg, path))
		m.tun = newTUN(t, "oneping0")
		m.must(r.Apply(t.Context(), cfg))
		m.allCaptured("started again")
		if r.own.Priority != moved {
			t.Errorf("started again, the rules are at %d, want %d", r.own.Priority, moved)
		}
	}
	m.must(m.tun.Close())
	m.must(func() error { _, err := Repair(filepath.Join(t.TempDir(), "none.json"), "oneping0", false); return err }())
	left, err := ownRules(families{true, true}, func(int) bool { return true })
	m.must(err)
	if len(left) > 0 {
		t.Errorf("Repair has left %v", left)
	}
}

// allCaptured asks for a few captured addresses, as every user and for every port and source that
// others name.
func (m *machine) allCaptured(when string) {
	m.t.Helper()
	k, err := newKernel()
	m.must(err)
	defer k.close()
	for _, q := range []question{{}, {uid: 1000}, {proto: unix.IPPROTO_TCP, dport: 443}, {src: netip.MustParseAddr("192.168.1.5")}} {
		for _, dst := range []string{"172.16.10.120", "172.16.10.129", "172.16.0.0", "172.31.255.255", "fd00:7::1"} {
			if q.src.IsValid() && strings.Contains(dst, ":") {
				continue
			}
			a, err := k.way(netip.MustParseAddr(dst), q)
			m.must(err)
			if got := m.name(a.dev); got != "oneping0" {
				m.t.Errorf("%s: %s goes by %s (table %d), as %+v", when, dst, got, a.table, q)
			}
		}
	}
}

// What the host takes for its own is nobody else's: a server with that address cannot be reached, and
// the client says so. An address of the device and one in a network of the host are what they are.
func TestKernelLocalRoutes(t *testing.T) {
	if !namespaced(t) {
		return
	}
	m := newMachine(t)
	m.address("eth0", "172.17.0.1/16")
	m.address("eth0", "172.20.0.1/32")
	own := func(dst string) {
		m.must(netlink.RouteAdd(&netlink.Route{
			Table: tableLocal, Type: unix.RTN_LOCAL, Scope: netlink.SCOPE_HOST, Dst: toIPNet(netip.MustParsePrefix(dst)), LinkIndex: m.link("eth0").Attrs().Index,
		}))
	}
	r := New(zap.NewNop())
	cfg := testConfig("172.16.0.0/12", "fd00:7::/48", "100.64.0.0/10")
	for _, lan := range []bool{false, true} {
		cfg.DenyLAN = lan
		apply(t, r, cfg)
		var got []string
		if !lan {
			own("172.16.10.120/32")
			own("172.18.0.0/24")
			own("fd00:7::9/128")
			apply(t, r, cfg)
		}
		for _, w := range r.Warnings() {
			if strings.Contains(w.Text, "takes it for its own") && w.Hint != "" {
				got = append(got, w.Text)
			}
		}
		slices.Sort(got)
		want := []string{
			"172.16.10.120 of captured 172.16.0.0/12 is not captured: this host takes it for its own on eth0",
			"172.18.0.0/24 of captured 172.16.0.0/12 is not captured: this host takes it for its own on eth0",
			"172.20.0.1 of captured 172.16.0.0/12 is not captured: this host takes it for its own on eth0",
			"fd00:7::9 of captured fd00:7::/48 is not captured: this host takes it for its own on eth0",
		}
		if !slices.Equal(got, want) {
			t.Errorf("lan: deny %v: %q, want %q", lan, got, want)
		}
	}
}

// There is no war: rules move a few times at once, and then the host is told.
func TestKernelNoWar(t *testing.T) {
	if !namespaced(t) {
		return
	}
	m := newMachine(t)
	m.route("0.0.0.0/0", "192.168.1.254", "eth0")
	r := New(zap.NewNop())
	cfg := testConfig("172.16.0.0/12")
	apply(t, r, cfg)
	for i := range movesBurst + 1 {
		m.install(other{table: 100 + i, rules: []func(*netlink.Rule){func(r *netlink.Rule) { r.Table = 100 + i }}})
		err := r.Apply(t.Context(), cfg)
		if last := i == movesBurst; last != (err != nil) {
			t.Errorf("move %d: %v", i+1, err)
		}
	}
}

// Another source of the device's family comes with another address: routes that the kernel keeps
// one of for a destination are replaced, not lost.
func TestKernelOtherAddress(t *testing.T) {
	if !namespaced(t) {
		return
	}
	m := newMachine(t)
	r := New(zap.NewNop())
	apply(t, r, testConfig("172.16.0.0/12"))
	cfg := testConfig("172.16.0.0/12")
	cfg.Addrs = parse("100.96.0.6/32", "fd00:1::6/128")
	apply(t, r, cfg)
	for dst, want := range map[string]string{"172.68.101.57": "oneping0 100.96.0.6", "fd00:ed::1": "oneping0 fd00:1::6"} {
		if got := m.way(dst, nil); got != want {
			t.Errorf("%s goes %q, want %q", dst, got, want)
		}
	}
}

func TestProbes(t *testing.T) {
	addrs := func(list []probe) (out []string) {
		for _, p := range list {
			out = append(out, p.addr.String()+" in "+p.in.String())
		}
		return out
	}
	cfg := Config{Addrs: parse("100.96.0.5/32"), Capture: parse("172.16.0.0/12", "172.16.10.0/24", "224.0.0.0/4", "fd00:7::/48")}
	exempt := []exemption{{netip.MustParsePrefix("172.31.0.0/16"), 16}}
	got, next := probes(cfg, exempt, parse("172.16.10.128/25", "10.0.0.0/8", "172.31.5.0/24"), families{true, true}, 0)
	want := []string{"172.16.10.128 in 172.16.10.0/24", "172.16.10.255 in 172.16.10.0/24", "172.16.0.0 in 172.16.0.0/12", "172.16.10.0 in 172.16.10.0/24"}
	if !slices.Equal(addrs(got), want) || next != 0 {
		t.Errorf("probes %q, next %d, want %q", addrs(got), next, want)
	}
	// More than are asked at once: the next time goes on where this one ended.
	var many Config
	many.Addrs = cfg.Addrs
	for i := range 2 * maxProbes {
		many.Capture = append(many.Capture, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24))
	}
	asked, from := make(map[netip.Prefix]bool), 0
	for range 5 {
		got, next := probes(many, nil, nil, families{true, true}, from)
		if len(got) > maxProbes+1 {
			t.Fatalf("%d probes", len(got))
		}
		for _, p := range got {
			asked[p.in] = true
		}
		from = next
	}
	if len(asked) != len(many.Capture) {
		t.Errorf("of %d prefixes %d were asked about", len(many.Capture), len(asked))
	}
}
