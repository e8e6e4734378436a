//go:build linux

package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A sweep of a /16 to which the connector is attached, in which hardly anybody is, costs the connector's host neither its
// neighbour table nor descriptors, and other pings nothing. The excess is counted and refused.
func TestSweepOfNeighbours(t *testing.T) {
	t.Parallel()
	needs(t, "nmap", "ping", "ip")
	flag, path := policy(t, everyone)
	l := newLab(t, "--laptops", "2", flag, path)
	l.run("connector", "sh", "-ec", "ip addr add 172.17.0.1/16 dev lan0")
	l.run("server", "sh", "-ec", "ip addr add 172.17.0.200/16 dev eth0")
	l.run("edge", "oneping", "route", "add", "172.17.0.0/16", "lab")
	before := l.pids()
	pings := []*process{
		l.start("laptop", "ping", "-n", "-i0.2", "-W2", "-c", "100", serverV4),
		l.start("laptop2", "ping", "-n", "-i0.2", "-W2", "-c", "100", serverV6),
	}
	for _, p := range pings {
		p.waitFor("icmp_seq=1 ")
	}
	scan := l.start("laptop", "nmap", "-n", "-sn", "--min-rate", "1000", "--max-rate", "1500", "--max-retries", "1", "172.17.0.0/16")
	most := 0
	for _, p := range pings {
		for running := true; running; {
			select {
			case <-p.done:
				running = false
			case <-time.After(500 * time.Millisecond):
				most = max(most, l.neighbours("connector", "172.17."))
			}
		}
		if r := p.output(); !strings.Contains(r.stdout, "100 packets transmitted, 100 received, 0% packet loss") {
			t.Errorf("%s: %s", p.what, r.stdout)
		}
	}
	fds, rss := l.processOf("connector", "connector run")
	t.Logf("%d incomplete neighbours, %d descriptors, %d KiB", most, fds, rss)
	// 64 destinations of one client wait for an answer at once, and those that have just been given up may be counted with them.
	if most > 2*64 || fds >= 5000 || rss >= 200<<10 {
		t.Errorf("%d incomplete neighbours, %d descriptors, %d KiB: want at most 128, 5,000, 200 MiB", most, fds, rss)
	}
	var status struct{ Reasons map[string]int }
	l.json("connector", &status, "oneping", "connector", "status", "--json")
	if status.Reasons["unanswered"] == 0 || status.Reasons["unreachable"]+status.Reasons["ok"] == 0 {
		t.Errorf("counted %v, want unanswered", status.Reasons)
	}
	if after := l.pids(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("processes were %v and are %v", before, after)
	}
	scan.interrupt()
	// Whoever is there is found, four seconds after the last probe at the latest.
	l.poll("an answer of the living", 10*time.Second, func() bool { return l.exec("laptop2", "ping", "-n", "-c1", "-W1", "172.17.0.200").code == 0 })
}

var incomplete = regexp.MustCompile(`(?m)^(\S+) .*\bINCOMPLETE\b`)

// neighbours returns how many addresses with that prefix a node's kernel is looking for.
func (l *lab) neighbours(node, prefix string) (n int) {
	l.t.Helper()
	for _, m := range incomplete.FindAllStringSubmatch(l.run(node, "ip", "neigh"), -1) {
		if strings.HasPrefix(m[1], prefix) {
			n++
		}
	}
	return n
}
