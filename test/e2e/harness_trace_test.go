//go:build linux

package e2e

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// hopLine is a line of traceroute -n -q1 with an answer: number, address, round trip, mark.
var hopLine = regexp.MustCompile(`(?m)^ *(\d+)  ([0-9a-f.:]+)  [0-9.]+ ms(?: (![A-Z0-9<>-]+))?\s*$`)

// trace runs traceroute in a node and returns its hops: "ADDRESS" or "ADDRESS !H", and "*" for silence.
func (l *lab) trace(node string, args ...string) []string {
	l.t.Helper()
	return hops(l.exec(node, append([]string{"traceroute", "-n", "-q1", "-w2"}, args...)...).stdout)
}

// traceTries is how often traceroute is asked for a path. Of 16,000 runs over a row of Linux
// routers with a delay of 0.3 ms on a busy machine, five ignored every answer behind the first hop
// although it was there on the wire (traceroute 2.1.2).
const traceTries = 3

// wantTrace wants traceroute with args to show these hops.
func (l *lab) wantTrace(what, node string, args []string, want ...string) {
	l.t.Helper()
	var got []string
	for range traceTries {
		if got = l.trace(node, args...); slices.Equal(got, want) {
			return
		}
	}
	wantHops(l.t, what, got, want...)
}

// hops reads what traceroute -n -q1 has printed.
func hops(out string) []string {
	var list []string
	for line := range strings.Lines(out) {
		if m := hopLine.FindStringSubmatch(line); m != nil {
			list = append(list, strings.TrimSpace(m[2]+" "+m[3]))
		} else if f := strings.Fields(line); len(f) == 2 && f[1] == "*" {
			list = append(list, "*")
		}
	}
	return list
}

func wantHops(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: hops %q, want %q", what, got, want)
	}
}

// noRateLimit is what a Linux host needs to answer every probe: by default it sends at most one
// error a second to one destination, and a thousand to all.
const noRateLimit = `cd /proc/sys/net && echo 0 >ipv4/icmp_ratelimit && echo 0 >ipv6/icmp/ratelimit && for f in ipv4/icmp_msgs_per_sec ipv4/icmp_msgs_burst; do
	test ! -w $f || echo 100000 >$f; done`

// probes are the ways of traceroute; the TCP one goes to a closed port.
var probes = [][]string{{"-I"}, {"-U"}, {"-T", "-p", "81"}}

// traces runs every kind of traceroute to the server of f. A few probes at a
// time: refusals are rate limited.
func (l *lab) traces(what string, f family, want []string, args ...string) {
	l.t.Helper()
	for _, probe := range probes {
		argv := slices.Concat([]string{f.flag, "-N4"}, probe, args, []string{f.server})
		l.wantTrace(what+" "+strings.Join(argv, " "), "laptop", argv, want...)
	}
}

// threeHops waits until the path is whole.
func (l *lab) threeHops(f family) {
	l.t.Helper()
	l.poll("three hops "+f.flag, 10*time.Second, func() bool {
		return slices.Equal(l.trace("laptop", f.flag, "-I", "-w1", "-m4", f.server), []string{f.edge, f.connector, f.server})
	})
}

// bothRows starts two labs side by side with the same routers and the same flags: the one with
// oneping, the other with Linux routers in the places of edge and connector.
func bothRows(t *testing.T, flags ...string) map[string]*lab {
	t.Helper()
	flags = append([]string{"--routers", "2"}, flags...)
	return map[string]*lab{"oneping": newLab(t, flags...), "plain": newLab(t, append(flags, "--plain")...)}
}

// pathLine is a line about a hop in the output of traceroute, tcptraceroute, tracepath, mtr and
// nmap alike: a number, and something behind it.
var pathLine = regexp.MustCompile(`^ *(\d+)(?:\.\|--|:|\?:|) +(.*)$`)

// pathOf reads the hops that any tool has printed: the addresses of each line, with "*" where a probe was
// not answered, the marks of traceroute, and a loss in percent other than 0.
func pathOf(out string) []string {
	var path []string
	for line := range strings.Lines(out) {
		m := pathLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil {
			continue
		}
		var said []string
		for _, word := range strings.Fields(m[2]) {
			_, err := netip.ParseAddr(word)
			lost := strings.HasSuffix(word, "%") && word != "0.0%"
			if (err == nil || lost || word == "*" || strings.HasPrefix(word, "!")) && !slices.Contains(said, word) {
				said = append(said, word)
			}
		}
		if hop := strings.Join(said, " "); hop != "" && (len(path) == 0 || path[len(path)-1] != hop) { // tracepath repeats
			path = append(path, hop)
		}
	}
	return path
}

// paris sends all probes of a Paris traceroute at once: one five-tuple, one payload.
func (l *lab) paris(t *testing.T, flag string, want []string) {
	t.Helper()
	expired, closed := "11/0", "3/3"
	if flag == "-6" {
		expired, closed = "3/0", "1/4"
	}
	var lines []string
	for i := range 8 {
		said := want[min(i, 4)] + " " + expired
		if i >= 4 {
			said = want[4] + " " + closed
		}
		lines = append(lines, fmt.Sprintf("%d [%s %s]", i+1, said, said))
	}
	for round := range 3 {
		dst := netip.AddrPortFrom(netip.MustParseAddr(want[4]), uint16(33000+round)).String()
		if out := strings.Split(strings.TrimSpace(l.run("laptop", "tool", "paris", "-m", "8", "-q", "2", dst)), "\n"); !slices.Equal(out, lines) {
			t.Errorf("paris %s, round %d:\n%s\nwant\n%s", dst, round, strings.Join(out, "\n"), strings.Join(lines, "\n"))
		}
	}
}

// connectorWith replaces the lab's connector by one with more flags and the same identity. It runs as root: a
// test that needs another user says so.
func (l *lab) connectorWith(flags ...string) *process {
	l.t.Helper()
	l.stop("connector")
	if !l.rootless() { // where the only group is inside the range already
		l.run("connector", "sh", "-c", `echo "0 2147483647" >/proc/sys/net/ipv4/ping_group_range`)
	}
	l.run("connector", "chown", "-R", "0:0", connectorState) // of the lab's, which runs as another user
	p := l.start("connector", append([]string{"oneping", "connector", "run"}, flags...)...)
	p.waitFor("link up")
	return p
}
