//go:build linux

package e2e

import (
	"slices"
	"strings"
	"testing"
)

// deniedV4 is an address that the lab's own policy grants to nobody.
const deniedV4 = "172.16.99.1"

// TestEveryProtocolHasHops: the edge answers TTL 1 whatever the protocol, and says that it carries it no
// further to who may reach the destination; to others it says what it says of everything else. In
// fragments, too.
func TestEveryProtocolHasHops(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "nmap")
	l := newLab(t)
	before := l.edgeStatus().Reasons
	edge4, edge6 := rows["-4"][0], rows["-6"][0]
	said := uint64(0)
	for _, c := range []struct {
		args string
		want []string
	}{
		{"-4 -P 47 " + serverV4, []string{edge4, edge4 + " !P"}},
		{"-4 -P 132 " + serverV4, []string{edge4, edge4 + " !P"}},
		{"-4 -P 50 " + serverV4, []string{edge4, edge4 + " !P"}},
		{"-4 -P 253 " + serverV4, []string{edge4, edge4 + " !P"}},
		{"-4 -UL " + serverV4, []string{edge4, edge4 + " !P"}},
		{"-4 -P 47 " + serverV4 + " 3000", []string{edge4, edge4 + " !P"}},
		{"-4 -P 47 " + deniedV4, []string{edge4, edge4 + " !X"}},
		{"-4 -P 4 " + edge4, []string{edge4 + " !P"}},
		{"-6 -P 47 " + serverV6, []string{edge6, edge6 + " !<4-1>"}},
		{"-6 -P 132 " + serverV6, []string{edge6, edge6 + " !<4-1>"}},
		{"-6 -P 253 " + serverV6 + " 3000", []string{edge6, edge6 + " !<4-1>"}},
		{"-6 -P 50 " + edge6, []string{edge6 + " !<4-1>"}},
	} {
		l.wantTrace(c.args, "laptop", append([]string{"-m4", "-N1"}, strings.Fields(c.args)...), c.want...)
		if !strings.Contains(c.args, deniedV4) {
			said++
		}
	}
	after := l.edgeStatus().Reasons
	if got := after["unsupported"] - before["unsupported"]; got < said {
		t.Errorf("%d packets counted as unsupported, want %d: %v", got, said, after)
	}
	out := l.run("laptop", "nmap", "-n", "-Pn", "-sO", "-p", "1,6,17,47,50,132", serverV4)
	for _, want := range []string{"1        open     icmp", "6        open     tcp", "17       open     udp", "47       filtered gre", "132      filtered sctp"} {
		if !strings.Contains(out, want) {
			t.Errorf("nmap -sO: no line %q\n%s", want, out)
		}
	}
	var denials struct {
		Denials []struct{ Protocol, Dst string }
	}
	l.json("laptop", &denials, "oneping", "client", "status", "--denials", "--json")
	if !slices.ContainsFunc(denials.Denials, func(d struct{ Protocol, Dst string }) bool { return d.Protocol == "protocol 47" && d.Dst == deniedV4 }) {
		t.Errorf("denials %+v", denials.Denials)
	}
}

// TestOtherQueries: an ICMP timestamp and an echo of another code are answered by each hop that they are
// for, whatever its sockets. Through the connector they go where it has raw ones, and are refused where it
// has none: an unprivileged process cannot send them.
func TestOtherQueries(t *testing.T) {
	t.Parallel()
	needs(t, "nping")
	const stamped, echoed, refused = "Timestamp reply (type=14/code=0)", "Echo reply (type=0/code=9)", "administratively prohibited by filtering (type=3/code=13)"
	for name, flags := range map[string][]string{"ping": nil, "raw": {"--raw"}, "plain": {"--plain"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, flags...)
			for dst, ttl := range map[string]string{rows["-4"][0]: "ttl=64", connectorV4: "ttl=63", serverV4: "ttl=62"} {
				for query, answer := range map[string]string{"--icmp-type timestamp": stamped, "--icmp-code 9": echoed} {
					from, want := dst, answer
					if name == "ping" && dst == serverV4 {
						from, want, ttl = connectorV4, refused, "ttl=63"
					}
					argv := slices.Concat([]string{"nping", "-c1", "--icmp"}, strings.Fields(query), []string{dst})
					out := l.run("laptop", argv...)
					if !strings.Contains(out, "["+from+" > ") || !strings.Contains(out, want) || !strings.Contains(out, ttl) {
						t.Errorf("%s: want %s from %s with %s\n%s", strings.Join(argv, " "), want, from, ttl, out)
					}
				}
			}
		})
	}
}
