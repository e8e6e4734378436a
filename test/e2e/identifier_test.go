//go:build linux

package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
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

// unsolicited returns how many answers to nothing the connector has counted.
func (l *lab) unsolicited() uint64 {
	l.t.Helper()
	var status struct{ Reasons map[string]uint64 }
	l.json("connector", &status, "oneping", "connector", "status", "--json")
	return status.Reasons["unsolicited"]
}

// Replies that nobody asked for end at the connector: of another host of the
// subnet with the right identifier and sequences, and of the right host with others.
func TestForgedReplies(t *testing.T) {
	t.Parallel()
	l := newLab(t, "--hosts", "2")
	for _, f := range families {
		forger := map[string]string{"-4": host2V4, "-6": host2V6}[f.flag]
		ident := map[string]string{"-4": "777", "-6": "778"}[f.flag] // ping sockets of both families share their identifiers
		number, _ := strconv.Atoi(ident)
		before := l.unsolicited()
		seen := l.capture("laptop", "oneping0")
		pinger := l.start("laptop", "tool", "ping", "-ident", ident, "-n", "100", "-i", "20ms", f.server)
		pinger.waitFor("pinging")
		l.poll("a mapping with this identifier", 5*time.Second, func() bool { return slices.Contains(l.pingSockets(), number) })
		const forged = 50
		l.run("host2", "tool", "inject", "-kind", "reply", "-ident", ident, "-seq", "1", "-n", fmt.Sprint(forged), "-i", "5ms", forger, f.connector)
		l.run("host2", "tool", "inject", "-kind", "reply", "-ident", ident, "-seq", "40000", "-n", fmt.Sprint(forged), "-i", "5ms", f.server, f.connector)
		if r := pinger.wait(time.Minute); r.code != 0 || !strings.Contains(r.stdout, "100 sent, 100 right, 0 wrong, 0 duplicate\n") {
			t.Errorf("%s: exit code %d\n%s%s", pinger.what, r.code, r.stdout, r.stderr)
		}
		replies := seen.stop(func(p *captured) bool { return p.Class == packet.ClassICMP && p.IsEchoReply() })
		if len(replies) != 100 {
			t.Errorf("%s: %d replies came out of the laptop's device, want 100", f.server, len(replies))
		}
		if got := l.unsolicited() - before; got != 2*forged {
			t.Errorf("%s: %d replies counted as unsolicited, want %d", f.server, got, 2*forged)
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

// A sweep of fewer than 64 addresses at once finds those who live, and takes one socket, whatever the number of
// destinations; each further identifier and each further client takes one more.
func TestSweep(t *testing.T) {
	t.Parallel()
	needs(t, "fping")
	flag, path := policy(t, everyone)
	l := newLab(t, "--laptops", "2", "--hosts", "3", flag, path)
	if got := l.pingSockets(); len(got) != 0 {
		t.Fatalf("ping sockets %v before anything was asked", got)
	}
	r := l.exec("laptop", "fping", "-a", "-q", "-r1", "-g", "172.16.10.90", "172.16.10.130")
	alive := strings.Fields(r.stdout)
	if want := []string{connectorV4, serverV4, host2V4, "172.16.10.122"}; r.code != 1 || !slices.Equal(alive, want) {
		t.Errorf("fping: exit code %d, alive %q, want 1 and %q\n%s", r.code, alive, want, r.stderr)
	}
	sockets := l.pingSockets()
	if len(sockets) != 1 {
		t.Fatalf("41 destinations, one identifier: ping sockets %v, want one", sockets)
	}
	for _, f := range families {
		ping := func(node string, ident int, dst string) {
			t.Helper()
			l.run(node, "tool", "ping", "-ident", strconv.Itoa(ident), "-n", "3", "-w", "1s", dst)
		}
		first := map[string]int{"-4": 500, "-6": 600}[f.flag] // ping sockets of both families share their identifiers
		before := len(l.pingSockets())
		ping("laptop", first, f.server)
		ping("laptop", first, f.connector)
		ping("laptop", first+1, f.server)
		ping("laptop2", first, f.server)
		if got := l.pingSockets(); len(got) != before+3 || !slices.Contains(got, first) || !slices.Contains(got, first+1) {
			t.Errorf("%s: ping sockets %v, want %d, %d and one for the second laptop beside the %d of before", f.server, got, first, first+1, before)
		}
	}
}
