//go:build linux

package e2e

import (
	"strings"
	"testing"
	"time"
)

// The laptop's name service is a program of its own that sends its questions into the tunnel
// (systemd-resolved, with everything captured): without a link there are no names, and without its
// edge's name no link. The client dials the address that the edge had, after a loss of the network
// and at the next start.
func TestNamesThroughTheTunnel(t *testing.T) {
	t.Parallel()
	needs(t, "ping", "ip", "dnsmasq", "dig")
	l := newLab(t, "--bare")
	dnsmasq := []string{"dnsmasq", "-k", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--user=", "--group=", "--pid-file=", "--log-facility=-", "--cache-size=0"}
	l.start("edge", append(dnsmasq, "--address=/edge.test/"+edgeDialV4)...).waitFor("started")
	for _, node := range []string{"laptop", "connector"} { // one /etc/resolv.conf for all
		l.start(node, append(dnsmasq, "--bind-interfaces", "--listen-address=127.0.0.53", "--server="+edgeDialV4)...).waitFor("started")
	}
	l.run("laptop", "sh", "-c", "echo 'nameserver 127.0.0.53' >> /etc/resolv.conf")
	resolves := func() bool {
		return strings.TrimSpace(l.exec("laptop", "dig", "+short", "+tries=1", "+time=1", "edge.test").stdout) == edgeDialV4
	}
	if !resolves() {
		t.Fatal("the laptop's name service does not work without a tunnel")
	}
	p := l.byHand("edge.test:7844 --capture 0.0.0.0/0")
	l.linked(5 * time.Second)
	if resolves() {
		t.Fatal("the questions of the laptop's name service do not go into the tunnel")
	}
	lose := func() {
		l.run("laptop", "ip", "link", "set", "eth0", "down")
		l.poll("status says why", 20*time.Second, func() bool { return strings.Contains(l.link().LastError, "lookup edge.test") })
		l.run("laptop", "sh", "-ec", networkChanges[0].back)
	}
	lose()
	l.linked(10 * time.Second)
	p.interrupt()
	l.run("laptop", "ip", "link", "set", "eth0", "down")
	l.startClient()
	lose()
	l.linked(10 * time.Second)
}

// zone is dnsmasq with one name of each family.
var zone = []string{
	"dnsmasq", "-k", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--user=", "--group=", "--pid-file=", "--log-facility=-", "--log-queries",
	"--address=/app.example/172.16.10.99", "--address=/app.example/fd6f:6e65:7069:10::99", "--txt-record=long.example," + longText,
}

var longText = strings.Repeat("0123456789", 25) + "," + strings.Repeat("abcdefghij", 25) + "," + strings.Repeat("ABCDEFGHIJ", 25)

func TestDNS(t *testing.T) {
	t.Parallel()
	needs(t, "dig", "dnsmasq")
	l := newLab(t)
	l.start("server", zone...).waitFor("started")
	for _, server := range []string{serverV4, serverV6} {
		for _, c := range []struct{ args, want string }{
			{"app.example A", "172.16.10.99"},
			{"app.example AAAA", "fd6f:6e65:7069:10::99"},
			{"+tcp app.example A", "172.16.10.99"},
			{"+bufsize=4096 +ignore long.example TXT", `"` + strings.ReplaceAll(longText, ",", `" "`) + `"`},
		} {
			args := append([]string{"dig", "@" + server, "+short", "+tries=1", "+time=5"}, strings.Fields(c.args)...)
			if out := strings.TrimSpace(l.run("laptop", args...)); out != c.want {
				t.Errorf("@%s %s: %q, want %q", server, c.args, out, c.want)
			}
		}
		// Nobody listens on this port: refused at once, not a time-out.
		r := l.exec("laptop", "dig", "@"+server, "-p", "5353", "+tries=1", "+time=10", "app.example")
		if r.code == 0 || !strings.Contains(r.stdout, "connection refused") || strings.Contains(r.stdout, "timed out") || r.took > 5*time.Second {
			t.Errorf("dig at a dead resolver: exit code %d after %v\n%s%s", r.code, r.took, r.stdout, r.stderr)
		}
	}
}
