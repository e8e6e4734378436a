//go:build linux

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// refusals are what r1 says to packets for a port: the words of nft, the mark of traceroute, and what
// connected sockets report for UDP and TCP.
var refusals = []struct {
	port, family, say, mark, udp, tcp string
}{
	{"7000", "-4", "icmp type net-unreachable", " !N", "read timeout", "connect ENETUNREACH"},
	{"7001", "-4", "icmp type host-unreachable", " !H", "read timeout", "connect EHOSTUNREACH"},
	{"7002", "-4", "icmp type prot-unreachable", " !P", "read ENOPROTOOPT", "connect ENOPROTOOPT"},
	{"7003", "-4", "icmp type port-unreachable", "", "read ECONNREFUSED", "connect ECONNREFUSED"},
	{"7009", "-4", "icmp type net-prohibited", " !X", "read ENETUNREACH", "connect ENETUNREACH"},
	{"7010", "-4", "icmp type host-prohibited", " !X", "read EHOSTUNREACH", "connect EHOSTUNREACH"},
	{"7013", "-4", "icmp type admin-prohibited", " !X", "read EHOSTUNREACH", "connect EHOSTUNREACH"},
	{"7100", "-6", "icmpv6 type no-route", " !N", "read timeout", "connect ENETUNREACH"},
	{"7101", "-6", "icmpv6 type admin-prohibited", " !X", "read EACCES", "connect EACCES"},
	{"7103", "-6", "icmpv6 type addr-unreachable", " !H", "read timeout", "connect EHOSTUNREACH"},
	{"7104", "-6", "icmpv6 type port-unreachable", "", "read ECONNREFUSED", "connect ECONNREFUSED"},
}

// What a firewall behind the connector says reaches traceroute and sockets as on a path of Linux routers.
func TestRefusalsBehindRouters(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "nft")
	var rules strings.Builder
	rules.WriteString("table inet f {\nchain forward { type filter hook forward priority 0;\n")
	for _, r := range refusals {
		rules.WriteString("th dport " + r.port + " reject with " + r.say + "\n")
	}
	rules.WriteString("th dport 7099 drop\ntcp dport 7200 reject with tcp reset\n}\n}\n")
	for name, l := range bothRows(t) {
		t.Run(name, func(t *testing.T) {
			l.run("r1", "nft", "-f", l.file("rules", rules.String()))
			for _, r := range refusals {
				row := rows[r.family]
				want := []string{row[0], row[1], row[2], row[2] + r.mark}
				l.wantTrace(r.say, "laptop", []string{r.family, "-U", "-p", r.port, row[4]}, want...)
				l.wantSockets(t, r.say, l.hostPort(row[4], r.port), r.udp, r.tcp)
			}
			for flag, row := range rows {
				l.wantTrace("drop "+flag, "laptop", []string{flag, "-U", "-p", "7099", "-w1", "-m5", row[4]}, row[0], row[1], row[2], "*", "*")
				l.wantSockets(t, "reset", l.hostPort(row[4], "7200"), "read ECONNREFUSED", "connect ECONNREFUSED")
			}
		})
	}
}

// wantSockets compares what connected sockets report of a destination, which connect() reports without
// waiting for its time-out. An empty want is not asked.
func (l *lab) wantSockets(t *testing.T, what, dst, udp, tcp string) {
	t.Helper()
	for _, c := range []struct{ want, tool string }{{udp, "udp-errno"}, {tcp, "tcp-errno"}} {
		if c.want == "" {
			continue
		}
		if words := strings.Fields(l.run("laptop", "tool", c.tool, dst)); len(words) < 2 || words[0]+" "+words[1] != c.want {
			t.Errorf("%s: %s %s: %q, want %q", what, c.tool, dst, words, c.want)
		}
	}
}

// What routes of a router behind the connector say. Linux answers for those at most once a second after the
// first five, whoever asks: one probe at a time, until it has answered.
func TestRoutesBehindRouters(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "ip")
	for name, l := range bothRows(t) {
		t.Run(name, func(t *testing.T) {
			l.run("r2", "sh", "-ec", `
				ip route add unreachable 172.16.20.0/24; ip route add prohibit 172.16.21.0/24; ip route add blackhole 172.16.22.0/24
				ip -6 route add unreachable fd6f:6e65:7069:14::/64; ip -6 route add prohibit fd6f:6e65:7069:15::/64; ip -6 route add blackhole fd6f:6e65:7069:16::/64`)
			for _, c := range []struct{ family, dst, mark string }{
				{"-4", "172.16.20.1", "!H"},
				{"-4", "172.16.21.1", "!X"},
				{"-4", "172.16.23.1", "!N"},
				{"-6", "fd6f:6e65:7069:14::1", "!N"},
				{"-6", "fd6f:6e65:7069:15::1", "!X"},
				{"-6", "fd6f:6e65:7069:17::1", "!N"},
			} {
				row := rows[c.family]
				want := []string{row[3] + " " + c.mark}
				for _, probe := range probes {
					argv := slices.Concat([]string{c.family, "-f4", "-m4", "-w2"}, probe, []string{c.dst})
					l.poll(strings.Join(argv, " ")+": "+want[0], 40*time.Second, func() bool { return slices.Equal(l.trace("laptop", argv...), want) })
				}
			}
			for flag, dst := range map[string]string{"-4": "172.16.22.1", "-6": "fd6f:6e65:7069:16::1"} {
				row := rows[flag]
				l.wantTrace("blackhole", "laptop", []string{flag, "-I", "-w1", "-m5", dst}, row[0], row[1], row[2], "*", "*")
			}
		})
	}
}

// What routes of the connector's own host say, whose packets expire there and whose go on: as in a
// router in its place.
func TestRoutesOfTheConnector(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "ip")
	for name, l := range bothRows(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l.run("connector", "sh", "-ec", `
				ip route add unreachable 172.16.10.201; ip route add prohibit 172.16.10.202; ip route add blackhole 172.16.10.203
				ip -6 route add unreachable fd6f:6e65:7069:10::201; ip -6 route add prohibit fd6f:6e65:7069:10::202; ip -6 route add blackhole fd6f:6e65:7069:10::203`)
			for _, c := range []struct{ family, dst, want string }{
				{"-4", "172.16.10.201", "!H"},
				{"-4", "172.16.10.202", "!X"},
				{"-4", "172.16.10.203", "*"},
				{"-6", "fd6f:6e65:7069:10::201", "!N"},
				{"-6", "fd6f:6e65:7069:10::202", "!X"},
				{"-6", "fd6f:6e65:7069:10::203", "*"},
			} {
				for _, probe := range probes {
					argv := slices.Concat([]string{c.family, "-f2", "-m2", "-w1"}, probe, []string{c.dst})
					l.poll(strings.Join(argv, " ")+": "+c.want, 40*time.Second, func() bool {
						got := l.trace("laptop", argv...)
						return len(got) == 1 && strings.HasSuffix(got[0], c.want)
					})
				}
			}
		})
	}
}
