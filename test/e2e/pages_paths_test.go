//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// deployedTools are the ways in which a person asks for a path, each ended by the destination; FLAG is
// -4 or -6. oneping's own two are asked as the tools are whose flags they know.
var deployedTools = []string{
	"traceroute -n FLAG",
	"traceroute -n FLAG -I",
	"traceroute -n FLAG -T",
	"oneping trace -n FLAG",
	"oneping trace -n FLAG -I",
	"oneping trace -n FLAG -T",
	"tracepath -n FLAG",
	"mtr -n FLAG -rwc 2 -i 0.2 -G 1",
	"mtr -n FLAG -rwc 2 -i 0.2 -G 1 -u",
	"mtr -n FLAG -rwc 2 -i 0.2 -G 1 -T",
}

// TestDeployedPaths: on the three machines of the pages, under the policy of the pages, every tool
// shows edge, connector and server, over IPv4 and, with one route and one prefix more as the page
// says, over IPv6. What is denied is answered by the edge, from its own address of that family.
func TestDeployedPaths(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "tracepath", "mtr", "ping")
	l := newLab(t, "--bare")
	l.deployed()
	l.alsoOverIPv6(t)
	for _, c := range []deployedPath{
		{"-4", defaultHop, connectorV4, serverV4, "172.16.11.1", "Packet filtered"},
		{"-6", l.ownHop("-6"), connectorV6, serverV6, "fd6f:6e65:7069:11::1", "Destination unreachable: Administratively prohibited"},
	} {
		t.Run(c.flag, func(t *testing.T) {
			t.Parallel()
			(&lab{t: t, name: l.name, dir: l.dir}).deployedPaths(t, c)
		})
	}
}

// deployedPath is a path over one family, and what is denied beside it.
type deployedPath struct {
	flag, hop, connector, server string
	elsewhere                    string // routed, and granted to nobody
	filtered                     string // what ping says of a denial
}

// deployedPaths asks for the path by every tool.
func (l *lab) deployedPaths(t *testing.T, c deployedPath) {
	t.Helper()
	path := []string{c.hop, c.connector, c.server}
	for _, tool := range deployedTools {
		var got []string
		var out string
		for range traceTries {
			if got, out = l.askPath(tool, c.flag, c.server); slices.Equal(got, path) {
				break
			}
		}
		if !slices.Equal(got, path) {
			t.Errorf("%s: hops %q, want %q\n%s", pathCommand(tool, c.flag, c.server), got, path, out)
		}
	}
	for _, ping := range []string{"ping", "oneping ping"} {
		// 64, less one for the edge and one for the connector.
		if out := l.run("laptop", words(ping, "-n", c.flag, "-c1", c.server)...); !strings.Contains(out, " ttl=62 ") {
			t.Errorf("%s %s: want ttl=62\n%s", ping, c.server, out)
		}
		r := l.exec("laptop", words(ping, "-n", c.flag, "-c1", "-W2", c.elsewhere)...)
		if r.code != 1 || !strings.Contains(r.stdout, "\nFrom "+c.hop+" icmp_seq=1 "+c.filtered+"\n") {
			t.Errorf("%s %s: exit code %d, want 1 and %q from %s\n%s", ping, c.elsewhere, r.code, c.filtered, c.hop, r.stdout)
		}
	}
	l.wantTrace("a denial", "laptop", []string{c.flag, "-U", "-p", "123", c.server}, c.hop, c.hop+" !X")
	if got := hops(l.exec("laptop", "oneping", "trace", "-n", "-q1", c.flag, "-U", "-p", "123", c.server).stdout); !slices.Equal(got, []string{c.hop, c.hop + " !X"}) {
		t.Errorf("a denial by oneping trace %s: %q", c.flag, got)
	}
}

// words are a command that may be two words, and its arguments.
func words(command string, args ...string) []string {
	return append(strings.Fields(command), args...)
}

// alsoOverIPv6 does what docs/deploy.md says in its last table: a route, and the prefix in the policy.
// One route more, of each family, is in no grant.
func (l *lab) alsoOverIPv6(t *testing.T) {
	t.Helper()
	const v4, v6 = "172.16.10.0/24", "fd6f:6e65:7069:10::/64"
	page, err := os.ReadFile(filepath.Join(l.dir, "policy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	both := strings.Replace(string(page), "to: ["+v4+"]", `to: [`+v4+`, "`+v6+`"]`, 1)
	if both == string(page) {
		t.Fatalf("the page's policy has no to: [%s]\n%s", v4, page)
	}
	l.file("both.yaml", both)
	for _, prefix := range []string{v6, "172.16.11.0/24", "fd6f:6e65:7069:11::/64"} {
		l.run("edge", "oneping", "route", "add", prefix, "office")
	}
	l.run("edge", "oneping", "policy", "apply", "-f", "both.yaml")
	l.poll("the laptop captures both families", 10*time.Second, func() bool {
		return strings.Contains(l.run("laptop", "ip", "route", "get", serverV6), tunName) &&
			strings.Contains(l.run("laptop", "ip", "route", "get", "fd6f:6e65:7069:11::1"), tunName) &&
			strings.Contains(l.run("laptop", "ip", "route", "get", "172.16.11.1"), tunName)
	})
}

// ownHop returns the address of one family from which the edge answers as a hop.
func (l *lab) ownHop(flag string) string {
	l.t.Helper()
	for _, a := range l.edgeStatus().Hops {
		if a.Is4() == (flag == "-4") {
			return a.String()
		}
	}
	l.t.Fatalf("the edge has no hop for %s", flag)
	return ""
}
