//go:build linux

package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// told returns what a connected socket reports: "read EACCES", "connect ok", and whether that was at once.
func (l *lab) told(node, proto, dst string, size int) (what string, atOnce bool) {
	l.t.Helper()
	argv := []string{"tool", "udp-errno", "-s", strconv.Itoa(size), "-w", "500ms", dst}
	if proto == "tcp" {
		argv = []string{"tool", "tcp-errno", dst}
	}
	words := strings.Fields(l.run(node, argv...))
	if len(words) < 3 {
		l.t.Fatalf("%v said %q", argv, words)
	}
	took, err := time.ParseDuration(words[2])
	return words[0] + " " + words[1], err == nil && took < 900*time.Millisecond
}

// wantTold compares what UDP and TCP sockets are told about dst, in both families. A connection
// that fails has to fail at once, in one of so many tries.
func (l *lab) wantTold(t *testing.T, tries int, node, what string, dst [2]string, size int, want [2][2]string) {
	t.Helper()
	for i, host := range dst {
		for j, proto := range []string{"udp", "tcp"} {
			if want[i][j] == "" {
				continue
			}
			got, atOnce := l.told(node, proto, host+":9", size)
			for n := 1; n < tries && (got != want[i][j] || !atOnce); n++ {
				got, atOnce = l.told(node, proto, host+":9", size)
			}
			if got != want[i][j] || proto == "tcp" && !atOnce {
				t.Errorf("%s, %s to %s: %s, at once %v; want %s at once", what, proto, host, got, atOnce, want[i][j])
			}
		}
	}
}

// What sockets report for each ICMP error: UDP and TCP, IPv4 and IPv6. "read
// timeout" is a socket that is left waiting.
var toldBy = map[string][2][2]string{
	"refused":     {{"read ECONNREFUSED", "connect ECONNREFUSED"}, {"read ECONNREFUSED", "connect ECONNREFUSED"}},
	"prohibited":  {{"read EHOSTUNREACH", "connect EHOSTUNREACH"}, {"read EACCES", "connect EACCES"}},
	"no route":    {{"read timeout", "connect ENETUNREACH"}, {"read timeout", "connect ENETUNREACH"}},
	"unreachable": {{"read timeout", "connect EHOSTUNREACH"}, {"read timeout", "connect EHOSTUNREACH"}},
	"too big":     {{"read EMSGSIZE", ""}, {"read EMSGSIZE", ""}},
}

// Sockets report through the tunnel what they report behind a router.
func TestErrnoThroughTheTunnel(t *testing.T) {
	t.Parallel()
	flag, path := policy(t, `grants:
  - {id: alice, who: [alice@example.com], to: ["*"], how: ["*"]}
`)
	l := newLab(t, "--laptops", "2", flag, path)
	server := [2]string{serverV4, "[" + serverV6 + "]"}
	nowhere := [2]string{"172.20.0.1", "[fd6f:6e65:7069:11::1]"} // captured, and without a route
	l.wantTold(t, 1, "laptop", "closed port", server, 10, toldBy["refused"])
	l.wantTold(t, 1, "laptop2", "no grant", server, 10, toldBy["prohibited"])
	l.wantTold(t, 1, "laptop2", "no grant and no route", nowhere, 10, toldBy["prohibited"])
	l.wantTold(t, 1, "laptop", "no route", nowhere, 10, toldBy["no route"])
	l.settle()
	l.wantTold(t, 1, "laptop", "a datagram too large for the path", server, 1440, toldBy["too big"])
	l.stop("connector")
	l.wantTold(t, 1, "laptop", "no connector", server, 10, toldBy["unreachable"])
	l.stop("edge")
	l.poll("link down", 10*time.Second, func() bool { return !l.clientStatus("laptop").Up })
	l.wantTold(t, 1, "laptop", "link down", server, 10, toldBy["unreachable"])
}

// The same on a direct path: a Linux router (here the connector's node, without oneping) in front
// of hosts that say no. Linux tells one host of one such route a second
// (net.ipv4.route.error_cost), which cannot be changed in a network namespace: hence the tries.
func TestErrnoOnADirectPath(t *testing.T) {
	t.Parallel()
	needs(t, "ip")
	// Some delay: an answer that arrives while connect() still runs would wait for the next SYN.
	l := newLab(t, "--bare", "--hosts", "2", "--link", "host2-lan:delay=2ms")
	l.run("connector", "sh", "-ec", `
		echo 1 >/proc/sys/net/ipv4/ip_forward
		echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
		ip route del default; ip -6 route del default
		ip route add prohibit 172.20.1.0/24; ip -6 route add prohibit fd6f:6e65:7069:21::/64
		ip route add unreachable 172.20.3.0/24; ip -6 route add unreachable fd6f:6e65:7069:23::/64 metric 1
		ip route add 172.20.4.0/24 via 203.0.113.1 mtu 1300; ip link set eth0 mtu 1300`)
	l.run("host2", "sh", "-ec", fmt.Sprintf("ip route add default via %s; ip -6 route add default via %s", connectorV4, connectorV6))
	// An IPv6 router without a route says 1/0; the kernel's `unreachable` is that too.
	l.wantTold(t, 3, "host2", "closed port", [2]string{serverV4, "[" + serverV6 + "]"}, 10, toldBy["refused"])
	l.wantTold(t, 3, "host2", "filter", [2]string{"172.20.1.1", "[fd6f:6e65:7069:21::1]"}, 10, toldBy["prohibited"])
	l.wantTold(t, 3, "host2", "no route", [2]string{"172.20.2.1", "[fd6f:6e65:7069:22::1]"}, 10, toldBy["no route"])
	l.wantTold(t, 3, "host2", "unreachable", [2]string{"172.20.3.1"}, 10, [2][2]string{toldBy["unreachable"][0]})
	l.wantTold(t, 3, "host2", "too big", [2]string{"172.20.4.1", "[fd6f:6e65:7069:300::1]"}, 1440, toldBy["too big"])
}
