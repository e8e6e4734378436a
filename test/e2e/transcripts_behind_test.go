//go:build linux

package e2e

import (
	"strings"
	"time"
)

// The rules of r1 for the scenes behind the connector.
const r1Rules = `table inet f {
chain forward { type filter hook forward priority 0;
ip daddr 172.16.12.121 icmp type echo-request reject with icmp type admin-prohibited
tcp dport 25 drop
meta nfproto ipv4 udp dport 7002 reject with icmp type prot-unreachable
meta nfproto ipv6 udp dport 7006 reject with icmpv6 type reject-route
}
}
`

func behindRouters() stage {
	return stage{
		name: "routers", flags: []string{"--routers", "2", "--laptops", "2", "--hosts", "3"},
		ready: func(l *lab) {
			l.settle()
			for _, node := range []string{"r1", "r2", "server"} {
				l.run(node, "sh", "-ec", noRateLimit)
			}
			l.run("r1", "nft", "-f", l.file("r1", r1Rules))
			l.run("r1", "ip", "route", "add", "prohibit", "172.16.12.122")
			l.poll("both laptops", 10*time.Second, func() bool {
				return l.exec("laptop", "ping", "-c1", "-W1", rows["-4"][4]).code == 0 && l.exec("laptop2", "ping", "-c1", "-W1", edgeV4).code == 0
			})
		},
		scenes: []scene{
			{name: "well-routers", typed: []typed{
				{node: "laptop", command: "traceroute 172.16.12.120"},
				{node: "laptop", command: "traceroute -I 172.16.12.120"},
				{node: "laptop", command: "traceroute -T -p 22 172.16.12.120"},
				{node: "laptop", command: "mtr --report -c 2 172.16.12.120"},
				{node: "laptop", command: "tracepath 172.16.12.120", before: forgetMTU("laptop")},
			}},
			{name: "denied", typed: []typed{
				{node: "laptop2", command: "traceroute -I 172.16.12.120"},
				{node: "laptop2", command: "ping -c 1 172.16.12.120"},
				{node: "laptop2", command: "oneping client status --denials"},
				{node: "edge", command: "oneping policy explain DENIAL"},
				{node: "edge", command: "oneping policy explain alice@example.com 172.16.12.120"},
			}},
			{name: "denied-tracepath", typed: []typed{{node: "laptop2", command: "tracepath 172.16.12.120", before: forgetMTU("laptop2")}}},
			{name: "router-filters", typed: []typed{
				{node: "laptop", command: "traceroute -I 172.16.12.121"},
				{node: "laptop", command: "traceroute -T -p 25 -w 1 -m 6 172.16.12.120"},
			}},
			{name: "router-routes", typed: []typed{
				{node: "laptop", command: "traceroute -I -q 1 172.16.12.122", before: (*lab).aSecond},
				{node: "laptop", command: "traceroute -I -q 1 172.16.13.1", before: (*lab).aSecond},
			}},
			{name: "ports", typed: []typed{
				{node: "laptop", command: "traceroute -U -p 53 172.16.12.120"},
				{
					node: "laptop", command: "traceroute -U -p 514 -w 1 -m 7 172.16.12.120",
					before: func(l *lab) { l.quiet("514") },
				},
				{node: "laptop", command: "traceroute -T -p 22 172.16.12.120"},
			}},
			{name: "other-marks", typed: []typed{
				{node: "laptop", command: "traceroute -U -p 7002 172.16.12.120"},
				{node: "laptop", command: "traceroute -6 -U -p 7006 fd6f:6e65:7069:12::120"},
			}},
		},
	}
}

// aSecond waits until a second has passed on the routers: Linux answers for a route that refuses
// once a second, whoever asks.
func (l *lab) aSecond() { l.t.Helper(); l.run("r1", "sleep", "1.1") }

func narrow() stage {
	forget := forgetMTU("laptop")
	return stage{
		name: "narrow", flags: []string{"--routers", "2", "--link", "r1-r2:mtu=1300"},
		ready: func(l *lab) { l.settle() },
		scenes: []scene{{name: "narrow", typed: []typed{
			{node: "laptop", command: "tracepath 172.16.12.120", before: forget},
			{node: "laptop", command: "ping -M do -c 2 -s 1300 172.16.12.120", before: forget},
			{node: "laptop", command: "traceroute -F 172.16.12.120 1360", before: forget},
			{node: "laptop", command: "traceroute 172.16.12.120 1360", before: forget},
			{node: "laptop", command: "ping -M do -c 1 -s 1400 172.16.12.120", before: forget},
		}}},
	}
}

// quiet starts a program on the server that takes what comes to an UDP port and answers nothing.
func (l *lab) quiet(port string) {
	l.t.Helper()
	listening := func() bool { return strings.Contains(l.run("server", "ss", "-Hlun", "sport = :"+port), ":"+port) }
	if !listening() {
		l.start("server", "nc", "-4ulk", port)
		l.poll("nc listens", 10*time.Second, listening)
	}
}
