package osroute

import (
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// tailscale is the rule of ts-input, as iptables-nft and nft make it:
// -s 100.64.0.0/10 ! -i tailscale0 -j DROP
func tailscale() firewallRule {
	name := make([]byte, unix.IFNAMSIZ)
	copy(name, "tailscale0")
	return firewallRule{family: unix.NFPROTO_IPV4, table: "filter", chain: "ts-input", program: []expression{
		{name: "payload", to: 1, base: unix.NFT_PAYLOAD_NETWORK_HEADER, offset: 12, length: 4},
		{name: "bitwise", from: 1, to: 1, data: []byte{255, 192, 0, 0}, xor: make([]byte, 4)},
		{name: "cmp", from: 1, op: unix.NFT_CMP_EQ, data: []byte{100, 64, 0, 0}},
		{name: "meta", to: 1, key: unix.NFT_META_IIFNAME},
		{name: "cmp", from: 1, op: unix.NFT_CMP_NEQ, data: name},
		{name: "counter"},
		{name: "immediate", isVerdict: true, verdict: verdictDrop},
	}}
}

func TestFirewallWarnings(t *testing.T) {
	hop := netip.MustParseAddr("100.111.255.254")
	cfg := Config{Device: "oneping0", Addrs: parse("100.96.0.5/32", "fd00:1::5/128"), Capture: parse("172.16.0.0/12"), Hops: []netip.Addr{hop}}
	outside := cfg
	outside.Addrs, outside.Hops = parse("10.96.0.5/32"), []netip.Addr{netip.MustParseAddr("192.0.0.8")}
	site := outside
	site.Capture = parse("100.64.10.0/24")
	accept := firewallRule{family: unix.NFPROTO_INET, program: []expression{
		{name: "meta", to: 1, key: unix.NFT_META_IIFNAME}, {name: "cmp", from: 1, data: []byte("oneping")}, {name: "immediate", isVerdict: true, verdict: verdictAccept},
	}}
	limited := tailscale()
	limited.program = slices.Insert(limited.program, 5, expression{name: "limit"})
	rejects := tailscale()
	rejects.program[6] = expression{name: "reject"}
	six := firewallRule{family: unix.NFPROTO_IPV6, table: "f", chain: "six", program: []expression{
		{name: "payload", to: 1, base: unix.NFT_PAYLOAD_NETWORK_HEADER, offset: 8, length: 2}, {name: "cmp", from: 1, data: []byte{0xfd, 0}}, {name: "immediate", isVerdict: true},
	}}
	jump := tailscale()
	jump.program[6] = expression{name: "immediate", isVerdict: true, verdict: -3}
	const by = " on oneping0: chain ts-input of table filter"
	for _, tc := range []struct {
		name  string
		cfg   Config
		rules []firewallRule
		want  string
	}{
		{"none", cfg, nil, ""},
		{"the hop", cfg, []firewallRule{tailscale()}, "this host's firewall drops what comes from 100.111.255.254 (the edge's hop)" + by},
		{"rejected", cfg, []firewallRule{rejects}, "this host's firewall drops what comes from 100.111.255.254 (the edge's hop)" + by},
		{"elsewhere", outside, []firewallRule{tailscale()}, ""},
		{"a site", site, []firewallRule{tailscale()}, "this host's firewall drops what comes from 100.64.10.255 (a captured destination)" + by},
		{"accepted", cfg, []firewallRule{tailscale(), accept}, ""},
		{"not all of it", cfg, []firewallRule{limited}, ""},
		{"a jump", cfg, []firewallRule{jump}, ""},
		{"IPv6", cfg, []firewallRule{six}, "this host's firewall drops what comes from fd00:1::5 (the client's own refusals) on oneping0: chain six of table f"},
	} {
		got := ""
		if w := firewallWarnings(tc.cfg, tc.rules); len(w) > 0 {
			if got = w[0].Text; len(w) > 1 || w[0].Hint == "" {
				t.Errorf("%s: %+v", tc.name, w)
			}
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// What the kernel says is read without a look beyond its end, whatever it is.
func FuzzFirewallRule(f *testing.F) {
	f.Add([]byte{8, 0, 1, 0, 'f', 0, 0, 0, 12, 0, 4, 0x80, 8, 0, 1, 0x80, 4, 0, 1, 0})
	f.Add([]byte{3, 0, 1, 0})
	f.Fuzz(func(_ *testing.T, b []byte) {
		if r, ok := parseFirewallRule(unix.NFPROTO_IPV4, b); ok {
			r.verdict(netip.MustParseAddr("100.96.0.5"), "oneping0")
		}
	})
}
