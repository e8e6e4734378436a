//go:build linux

package e2e

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Two laptops and the connector's own host ping one server with the same
// identifier and the same sequences: each gets its own replies, and no other.
func TestOneIdentifier(t *testing.T) {
	t.Parallel()
	flag, path := policy(t, everyone)
	l := newLab(t, "--laptops", "2", flag, path)
	for _, f := range families {
		for _, socket := range []string{"-dgram", "-raw"} {
			args := []string{"-ident", "4242", "-n", "1000", "-i", "2ms", f.server}
			own := slices.Concat([]string{"tool", "ping", "-tag", "host"}, args)
			if socket == "-dgram" {
				// A ping socket owns its identifier: the connector, of the same host, has to take others.
				own = slices.Concat(l.asConnector(), []string{"tool", "ping", "-tag", "host", "-dgram"}, args)
			}
			host := l.start("connector", own...)
			host.waitFor("pinging")
			var all []*process
			for _, node := range []string{"laptop", "laptop2"} {
				all = append(all, l.start(node, slices.Concat([]string{"tool", "ping", "-tag", node}, args)...))
			}
			if socket == "-dgram" {
				all = append(all, host) // one with a raw socket sees what the connector's sockets get, too
			}
			for _, p := range all {
				if r := p.wait(time.Minute); r.code != 0 || !strings.Contains(r.stdout, "1000 sent, 1000 right, 0 wrong, 0 duplicate\n") {
					t.Errorf("%s: exit code %d\n%s%s", p.what, r.code, r.stdout, r.stderr)
				}
			}
			host.wait(time.Minute)
		}
	}
}

// pingSockets returns the identifiers of the ping sockets of the connector's host, sorted. Both
// families share one table of the kernel, and each one's file shows sockets of the other, too.
func (l *lab) pingSockets() []int {
	l.t.Helper()
	var idents []int
	for line := range strings.Lines(l.run("connector", "cat", "/proc/net/icmp", "/proc/net/icmp6")) {
		fields := strings.Fields(line)
		if len(fields) < 2 || !strings.HasSuffix(fields[0], ":") {
			continue
		}
		var ident int
		if _, err := fmt.Sscanf(fields[1][strings.LastIndexByte(fields[1], ':')+1:], "%X", &ident); err != nil {
			l.t.Fatalf("%v in %q", err, line)
		}
		if !slices.Contains(idents, ident) {
			idents = append(idents, ident)
		}
	}
	slices.Sort(idents)
	return idents
}

// rawTooBig is what ping prints when r1's link to r2 is too narrow.
var rawTooBig = map[string]*regexp.Regexp{
	"-4": regexp.MustCompile(`From 172\.16\.10\.1 icmp_seq=1 Frag needed and DF set \(mtu = 1300\)`),
	"-6": regexp.MustCompile(`From fd6f:6e65:7069:10::1 icmp_seq=1 Packet too big: mtu=1300`),
}

// The connector with raw sockets, as with Docker's default capabilities and as on macOS, passes the
// same hops, sizes and errors, and keeps two clients with one identifier apart. It has CAP_NET_RAW
// and nothing else; ping sockets are closed to it.
func TestRawStrategy(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "ping", "ip", "nft")
	flag, path := policy(t, everyone)
	l := newLab(t, "--raw", "--routers", "2", "--laptops", "2", "--link", "r1-r2:mtu=1300", flag, path)
	l.powers(t, "0000000000002000") // CAP_NET_RAW
	var status struct{ ICMP string }
	if l.json("connector", &status, "oneping", "connector", "status", "--json"); status.ICMP != "raw" {
		t.Errorf("ICMP by %q", status.ICMP)
	}
	if r := l.exec("connector", "oneping", "connector", "check"); r.code != 0 || !strings.Contains(r.stdout, "pass  raw socket ") ||
		!strings.Contains(r.stdout, "pass  ping socket IPv4     not open, and not needed") {
		t.Errorf("check: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	l.settle()
	for _, family := range slices.Sorted(maps.Keys(rows)) {
		row := rows[family]
		t.Run("hops"+family, func(t *testing.T) {
			for _, probe := range probes {
				argv := slices.Concat([]string{family, "-N4"}, probe, []string{row[4]})
				l.wantTrace(strings.Join(argv, " "), "laptop", argv, row...)
			}
			l.paris(t, family, row)
		})
		t.Run("sizes"+family, func(t *testing.T) {
			out := l.exec("laptop", "ping", "-n", "-c1", "-W2", "-M", "do", "-s", "1300", row[4]).stdout
			if !rawTooBig[family].MatchString(out) {
				t.Errorf("ping -M do: r1 does not say that it is too big\n%s", out)
			}
			for _, size := range []string{"0", "1", "56", "1400", "8000", "65000"} {
				l.exec("laptop", "ping", "-n", "-c1", "-W1", "-s", size, row[4]) // may find out about the path MTU
				l.ping("laptop", 1, "-s", size, row[4])
			}
		})
		t.Run("identifier"+family, func(t *testing.T) {
			var all []*process
			for _, node := range []string{"laptop", "laptop2"} {
				all = append(all, l.start(node, "tool", "ping", "-tag", node, "-ident", "4242", "-n", "300", "-i", "2ms", row[4]))
			}
			for _, p := range all {
				if r := p.wait(time.Minute); r.code != 0 || !strings.Contains(r.stdout, "300 sent, 300 right, 0 wrong, 0 duplicate\n") {
					t.Errorf("%s: exit code %d\n%s%s", p.what, r.code, r.stdout, r.stderr)
				}
			}
		})
	}
	t.Run("errors", func(t *testing.T) {
		l.run("r1", "nft", "-f", l.file("rules", `table inet f {
chain forward { type filter hook forward priority 0;
icmp type echo-request reject with icmp type admin-prohibited
icmpv6 type echo-request reject with icmpv6 type admin-prohibited
}
}
`))
		for family, row := range rows {
			l.wantTrace("prohibited "+family, "laptop", []string{family, "-I", row[4]}, row[0], row[1], row[2], row[2]+" !X")
		}
	})
}
