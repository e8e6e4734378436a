//go:build linux

package e2e

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/test/program"
)

// deployPages are the pages that say how three machines become a network, in the order in which they
// are read.
var deployPages = []string{"docs/install.md", "docs/deploy.md", "docs/policy.md"}

// TestDeployPages does what the pages say about three machines, line by line, on three nodes where
// nothing runs yet: first all that is done by hand, then what looks at it.
func TestDeployPages(t *testing.T) {
	t.Parallel()
	needs(t, "sysctl")
	l := newLab(t, "--bare")
	blocks, _ := l.deployed()
	ran := make(map[string]int)
	for _, b := range blocks {
		ran[b.Place]++
	}
	for _, place := range []string{"edge", "connector", "laptop", "edge.look", "connector.look", "laptop.look"} {
		if ran[place] == 0 {
			t.Errorf("the pages have no commands for %s", place)
		}
	}
	for _, b := range blocks { // the examples of policies: all of them are good
		if b.Lang == "yaml" && b.Place != "edge.yaml" {
			l.run("edge", "oneping", "policy", "check", b.Place)
		}
	}
}

// deployed does what the pages say until three machines are one network, and returns what it read, and
// the roles that run, by their nodes.
func (l *lab) deployed() ([]program.Block, map[string]*process) {
	l.t.Helper()
	l.run("edge", "sh", "-c", "echo 192.0.2.1 edge.example.com >> /oneping-lab/etc/hosts") // its name in DNS
	var blocks []program.Block
	for _, page := range deployPages {
		blocks = append(blocks, program.Page(l.t, page)...)
	}
	for _, b := range blocks {
		if b.Lang == "yaml" && b.Place != "" {
			l.file(b.Place, b.Text)
		}
	}
	roles := make(map[string]*process)
	for _, suffix := range []string{"", ".look"} {
		for _, b := range blocks {
			node, ok := strings.CutSuffix(b.Place, suffix)
			if b.Lang != "sh" || !ok || !slices.Contains([]string{"edge", "connector", "laptop"}, node) {
				continue
			}
			for _, line := range b.Commands() {
				if p := l.pageLine(node, line); p != nil {
					roles[node] = p
				}
			}
		}
	}
	return blocks, roles
}

// pageLine runs a line of a page and looks at what it printed. It returns the role that the line has
// started.
func (l *lab) pageLine(node, line string) *process {
	l.t.Helper()
	if os.Getuid() != 0 && strings.HasPrefix(line, "sysctl -w net.ipv4.ping_group_range") {
		return nil // a user namespace has one group, and the lab has opened ping to it
	}
	if cmd, ok := strings.CutSuffix(line, " &"); ok {
		return l.startRole(node, cmd)
	}
	out := l.run(node, "sh", "-c", line)
	switch {
	case strings.HasPrefix(line, "oneping trace"):
		wantHops(l.t, line, addresses(out), defaultHop, connectorV4, serverV4)
	case strings.HasPrefix(line, "oneping policy explain"):
		wantDenial(l.t, line, out)
	}
	return nil
}

// wantDenial wants the words of a denial: who, what, and why the page's one grant does not match.
func wantDenial(t testing.TB, line, out string) {
	t.Helper()
	for _, want := range []string{
		"principal    alice@example.com; groups eng\n",
		"destination  udp 172.16.10.120:123\n",
		"tunnel       office\n",
		"answer       denied: no grant matches\n",
		"eng-office  no     how: udp:123 is not among trace, udp:53, tcp:*\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%s: no line %q in\n%s", line, want, out)
		}
	}
}

// typeLine runs one line of a page in a node, in the test's folder: it stands for carrying the
// tokens. A line that ends in & is left running until its role is ready.
func (l *lab) typeLine(node, line string) string {
	l.t.Helper()
	cmd, background := strings.CutSuffix(line, " &")
	if !background {
		return l.run(node, "sh", "-c", cmd)
	}
	l.startRole(node, cmd)
	return ""
}

// startRole starts a role by hand and waits until it is ready.
func (l *lab) startRole(node, cmd string) *process {
	l.t.Helper()
	p := l.start(node, "sh", "-c", "exec "+cmd)
	role := strings.Fields(cmd)[1]
	l.poll(role+" answers: "+cmd, 10*time.Second, func() bool {
		select {
		case <-p.done:
			o := p.output()
			l.t.Fatalf("%s: %s ended with %d\n%s%s", node, cmd, o.code, o.stdout, o.stderr)
		default:
		}
		return l.exec(node, "oneping", role, "status", "--ready").code == 0
	})
	return p
}

var inBrackets = regexp.MustCompile(`(?m)^ *\d+  \S+ \(([0-9a-f.:]+)\)`)

// addresses returns the hops of a traceroute that printed names.
func addresses(out string) []string {
	var hops []string
	for _, m := range inBrackets.FindAllStringSubmatch(out, -1) {
		hops = append(hops, m[1])
	}
	return hops
}

// TestLabPage does what the page says about playing with the lab.
func TestLabPage(t *testing.T) {
	t.Parallel()
	needs(t, "ping", "mtr")
	l := newLab(t, "--bare") // for its folder; the page makes its own lab
	name := l.name + "-page"
	t.Cleanup(func() { l.oneping("lab", "down", "--name", name) })
	verb := regexp.MustCompile(`^oneping lab (\w+)`)
	ran := 0
	for _, b := range program.Page(t, "docs/lab.md") {
		if b.Place != "lab" {
			continue
		}
		for _, line := range b.Commands() {
			r := l.oneping(strings.Fields(verb.ReplaceAllString(line, "lab $1 --name "+name))...)
			if r.code != 0 {
				t.Fatalf("%s: exit code %d\n%s%s", line, r.code, r.stdout, r.stderr)
			}
			if strings.Contains(line, "-w 1 ") && !strings.Contains(r.stdout, "(172.68.101.57)  ") && !strings.Contains(r.stdout, "!H") {
				t.Errorf("%s: want hop 1, then !H\n%s", line, r.stdout)
			}
			ran++
		}
	}
	if ran < 5 {
		t.Errorf("ran %d lines of the page", ran)
	}
}
