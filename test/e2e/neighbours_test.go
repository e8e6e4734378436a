//go:build linux

package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// companion is what else is on a laptop, or the network that it is in: its commands, and those that
// take it away again. Devices of others are one end of a veth pair.
type companion struct {
	name  string
	setup []string
	gone  []string
	// Where captured addresses go while it is there; "" = into the device.
	ways map[string]string
	// What status says where something does not go into the device.
	says string
	// notReady says that --ready says so, too.
	notReady bool
}

// device is a device of somebody else's with an address.
func device(name, addr string) []string {
	return []string{
		"ip link add " + name + " type veth peer name peer0", "ip link set peer0 up", "ip link set " + name + " up",
		"ip addr add " + addr + " dev " + name + " nodad",
	}
}

// onBoth is a command of ip for both families.
func onBoth(list ...string) (out []string) {
	for _, c := range list {
		out = append(out, "ip -4 "+c, "ip -6 "+c)
	}
	return out
}

const lanV4 = "172.16.10.118" // beside the server

// neighbours are those that laptops have. The rules are what each of them makes.
var neighbours = []companion{
	{
		name:  "wg-quick, everything",
		setup: slices.Concat(device("wgx", "10.99.0.2/32"), onBoth("route add default dev wgx table 51820", "rule add not fwmark 51820 table 51820", "rule add table main suppress_prefixlength 0")),
		gone:  append(onBoth("rule del not fwmark 51820 table 51820", "rule del table main suppress_prefixlength 0"), "ip link del wgx"),
	},
	{
		name:  "wg-quick, the same prefixes",
		setup: append(device("wgx", "10.99.0.2/32"), "ip route add 172.16.10.0/24 dev wgx", "ip -6 route add fd6f:6e65:7069:10::/64 dev wgx"),
		gone:  []string{"ip link del wgx"},
	},
	{
		name: "Tailscale with a subnet router",
		setup: slices.Concat([]string{"nft 'table ip filter { chain ts-input { iifname != tailscale0 ip saddr 100.64.0.0/10 counter drop; }; chain INPUT { type filter hook input priority 0; jump ts-input; }; }'"}, device("tailscale0", "100.101.102.103/32"), onBoth("rule add pref 5210 fwmark 0x80000/0xff0000 lookup main", "rule add pref 5230 fwmark 0x80000/0xff0000 lookup default", "rule add pref 5250 fwmark 0x80000/0xff0000 unreachable", "rule add pref 5270 lookup 52"),
			[]string{
				"ip route add 172.16.10.0/24 dev tailscale0 table 52", "ip -6 route add fd6f:6e65:7069:10::/64 dev tailscale0 table 52",
			}),
		says: "this host's firewall drops what comes from 100.96.0.1 (the client's own refusals) on oneping0: chain ts-input of table filter",
		gone: append(onBoth("rule del pref 5210", "rule del pref 5230", "rule del pref 5250", "rule del pref 5270"), "ip link del tailscale0", "nft delete table ip filter"),
	},
	{
		name:  "NetBird and a static route",
		setup: slices.Concat(device("wt0", "100.101.102.104/16"), onBoth("rule add pref 105 lookup main suppress_prefixlength 0", "rule add pref 110 not fwmark 0x1bd00 lookup 7120"), []string{"ip route add 172.16.10.0/24 dev wt0", "ip route add default dev wt0 table 7120"}),
		gone:  append(onBoth("rule del pref 105", "rule del pref 110"), "ip link del wt0"),
	},
	{
		name:     "a rule before all others",
		setup:    []string{"ip rule add pref 1 to 172.16.10.0/24 lookup main", "ip route add 172.16.10.0/24 via 198.51.100.1"},
		gone:     []string{"ip rule del pref 1", "ip route del 172.16.10.0/24"},
		ways:     map[string]string{serverV4: "eth0", lanV4: "eth0"},
		says:     "captured 172.16.10.0/24 leaves by eth0, not through oneping: route 172.16.10.0/24 of table main; rule 1: from all to 172.16.10.0/24 lookup main stands before oneping's",
		notReady: true,
	},
	{
		name:  "docker",
		setup: append(device("docker0", "172.17.0.1/16"), "nft 'table ip docker { chain post { type nat hook postrouting priority 100; ip saddr 172.17.0.0/16 oifname != docker0 masquerade; }; }'"),
		gone:  []string{"nft delete table ip docker", "ip link del docker0"},
		ways:  map[string]string{"172.17.0.2": "docker0"},
		says:  "part of captured 172.16.0.0/12 is not captured: 172.17.0.0/16 is directly connected on docker0",
	},
	{
		name:  "libvirt",
		setup: append(device("virbr0", "192.168.122.1/24"), "nft 'table ip libvirt { chain post { type nat hook postrouting priority 100; ip saddr 192.168.122.0/24 ip daddr != 192.168.122.0/24 masquerade; }; }'"),
		gone:  []string{"nft delete table ip libvirt", "ip link del virbr0"},
	},
	{
		name: "firewalld, strict",
		setup: []string{
			"sysctl -qw net.ipv4.conf.all.rp_filter=1",
			"nft 'table inet firewalld { chain pre { type filter hook prerouting priority -290; meta nfproto ipv6 fib saddr . mark . iif oif missing drop; }; }'",
		},
		gone: []string{"sysctl -qw net.ipv4.conf.all.rp_filter=0", "nft delete table inet firewalld"},
	},
	{
		name:  "access network, shorter",
		setup: []string{"ip addr add 172.16.8.77/21 dev eth0", "ip addr add fd6f:6e65:7069:10::77/62 dev eth0 nodad"},
		gone:  []string{"ip addr del 172.16.8.77/21 dev eth0", "ip addr del fd6f:6e65:7069:10::77/62 dev eth0"},
		ways:  map[string]string{"172.16.9.1": "eth0"},
		says:  "part of captured 172.16.0.0/12 is not captured: 172.16.8.0/21 is directly connected on eth0",
	},
	{
		name:  "access network, equal",
		setup: []string{"ip addr add 172.16.10.77/24 dev eth0", "ip addr add fd6f:6e65:7069:10::77/64 dev eth0 nodad"},
		gone:  []string{"ip addr del 172.16.10.77/24 dev eth0", "ip addr del fd6f:6e65:7069:10::77/64 dev eth0"},
		says:  "addresses of the local network 172.16.10.0/24 on eth0 are captured, and reached through oneping: 172.16.10.0/24",
	},
	{
		name:  "access network, longer",
		setup: []string{"ip addr add 172.16.10.117/30 dev eth0"},
		gone:  []string{"ip addr del 172.16.10.117/30 dev eth0"},
		ways:  map[string]string{lanV4: "eth0"},
		says:  "part of captured 172.16.10.0/24 is not captured: 172.16.10.116/30 is directly connected on eth0",
	},
}

// capturedAddrs are asked about in each cell; the client captures all of them.
var capturedAddrs = []string{serverV4, lanV4, "172.16.9.1", "172.17.0.2", edgeV4, serverV6}

// cell is what is true of the laptop at one moment.
type cell struct {
	ways    map[string]string // of each captured address, "-" = nowhere
	ready   bool
	status  string
	leaked  int // packets to captured addresses that another device has sent
	pinged  bool
	running bool
}

// leakMeter counts packets to the site that leave by another device than the client's, whatever its
// name is at the moment, and remembers which.
const leakMeter = `nft 'table inet leaks {
set ways { type ifname . ipv4_addr; flags dynamic; }; set ways6 { type ifname . ipv6_addr; flags dynamic; }
chain out { type filter hook postrouting priority 300; oifname { "oneping0", "vpn0", "lo" } accept
ip daddr { 172.16.9.1, 172.16.10.118, 172.16.10.120, 172.17.0.2 } counter update @ways { oifname . ip daddr }
ip6 daddr ` + serverV6 + ` counter update @ways6 { oifname . ip6 daddr }; }; }'`

// look asks the laptop's kernel and its client.
func (l *lab) look() cell {
	l.t.Helper()
	script := "for a in " + strings.Join(capturedAddrs, " ") + `; do echo "way $a $(ip route get $a 2>/dev/null | sed -n 's/.* dev \([^ ]*\) .*/\1/p;q')"; done
ping -n -c1 -W0.3 ` + serverV4 + ` >/dev/null 2>&1 && echo pinged; ping -n -c1 -W1 ` + serverV6 + ` >/dev/null 2>&1 && echo pinged6
nft list table inet leaks | sed -n 's/.*counter packets \([0-9]*\).*/leaked \1/p'
oneping client status --ready 2>/dev/null && echo ready; oneping client status 2>/dev/null`
	c := cell{ways: make(map[string]string)}
	four, six := false, false
	for line := range strings.Lines(l.exec("laptop", "sh", "-c", script).stdout) {
		fields := strings.Fields(line)
		switch {
		case len(fields) >= 2 && fields[0] == "way":
			c.ways[fields[1]] = append(fields, "-")[2]
		case len(fields) == 2 && fields[0] == "leaked":
			n, _ := strconv.Atoi(fields[1])
			c.leaked += n
		case line == "pinged\n":
			four = true
		case line == "pinged6\n":
			six = true
		case line == "ready\n":
			c.ready = true
		default:
			c.status += line
		}
	}
	c.pinged, c.running = four && six, c.status != ""
	return c
}

// settledCell looks until the laptop is as it has to be beside n, and says where it does not become so.
func (l *lab) settledCell(n *companion, when string) cell {
	l.t.Helper()
	var c cell
	wrong := ""
	for range 40 {
		before := l.look().leaked
		c = l.look()
		c.leaked -= before
		if wrong = n.wrong(&c); wrong == "" {
			return c
		}
	}
	l.t.Errorf("%s, %s: %s\n%s", n.name, when, wrong, c.status)
	return c
}

// wrong says what of a cell is not as it has to be while the client runs: in the tunnel, or said.
func (n *companion) wrong(c *cell) string {
	for _, a := range capturedAddrs {
		want := n.ways[a]
		if want == "" {
			want = "oneping0"
		}
		if c.ways[a] != want {
			return fmt.Sprintf("%s goes by %s, want %s", a, c.ways[a], want)
		}
	}
	switch {
	case c.ready == n.notReady:
		return fmt.Sprintf("ready: %v", c.ready)
	case !strings.Contains(c.status, n.says):
		return "status does not say " + n.says
	case n.ways[serverV4] == "" && (!c.pinged || c.leaked > 0):
		return fmt.Sprintf("pings answered: %v, leaked: %d", c.pinged, c.leaked)
	}
	return ""
}

// closed says what of a cell is not as it has to be after the client was killed.
func (n *companion) closed(c *cell) string {
	for _, a := range capturedAddrs {
		if got := c.ways[a]; got != "-" && got != n.ways[a] {
			return fmt.Sprintf("%s goes by %s", a, got)
		}
	}
	return ""
}

// What is captured goes into the tunnel, or nowhere, or status says where: whatever else is on the
// laptop, whether it was there before the client or came later, and when the client is started
// again, or killed.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	needs(t, "ip", "ping", "nft", "sysctl")
	l := newLab(t)
	l.run("laptop", "sh", "-ec", leakMeter)
	var table strings.Builder
	note := func(n *companion, when string, c cell) {
		var ways []string
		for _, a := range capturedAddrs {
			ways = append(ways, c.ways[a])
		}
		said := "-"
		if n.says != "" && strings.Contains(c.status, n.says) {
			said = n.says
		}
		fmt.Fprintf(&table, "%-32s %-14s %-56s ready %-5v leaked %d  %s\n", n.name, when, strings.Join(ways, " "), c.ready, c.leaked, said)
	}
	for i := range neighbours {
		n := &neighbours[i]
		do := func(commands []string) { l.run("laptop", "sh", "-ec", strings.Join(commands, "\n")) }
		began := time.Now()
		do(n.setup)
		note(n, "after", l.settledCell(n, "after the client"))
		l.stop("laptop")
		l.up("laptop")
		note(n, "restarted", l.settledCell(n, "client restarted"))
		l.kill("laptop")
		before := l.look().leaked
		c := l.look()
		c.leaked -= before
		if wrong := n.closed(&c); wrong != "" || len(n.ways) == 0 && c.leaked > 0 {
			t.Errorf("%s, killed: %s, leaked %d", n.name, wrong, c.leaked)
		}
		note(n, "killed", c)
		l.up("laptop")
		note(n, "started again", l.settledCell(n, "started after a kill"))
		l.stop("laptop")
		do(n.gone)
		do(n.setup)
		l.up("laptop")
		note(n, "before", l.settledCell(n, "before the client"))
		do(n.gone)
		l.poll("the client is alone", 5*time.Second, func() bool { return l.statusReady("laptop").code == 0 })
		t.Logf("%s: %v", n.name, time.Since(began).Round(time.Millisecond))
	}
	t.Logf("captured: %s\n%s", strings.Join(capturedAddrs, " "), table.String())
}
