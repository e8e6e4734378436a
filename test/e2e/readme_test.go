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

// TestReadmeDeploy does what the README says about three machines, line by
// line, on three nodes where nothing runs yet.
func TestReadmeDeploy(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute")
	l := newLab(t, "--bare")
	places := []string{"edge", "connector", "laptop"}
	blocks := program.README(t)
	for _, b := range blocks {
		if b.Lang == "yaml" && b.Place != "" {
			l.file(b.Place, b.Text)
		}
	}
	ran := make(map[string]int)
	for _, b := range blocks {
		if b.Lang != "sh" || !slices.Contains(places, b.Place) {
			continue
		}
		for _, line := range b.Commands() {
			if os.Getuid() != 0 && strings.HasPrefix(line, "sysctl -w net.ipv4.ping_group_range") {
				continue // a user namespace has one group, and the lab has opened ping to it
			}
			out := l.readmeLine(b.Place, line)
			switch {
			case strings.HasPrefix(line, "traceroute"):
				wantHops(t, line, addresses(out), edgeV4, connectorV4, serverV4)
			case strings.HasPrefix(line, "oneping policy explain"):
				wantDenial(t, line, out)
			}
			ran[b.Place]++
		}
	}
	for _, node := range places {
		if ran[node] == 0 {
			t.Errorf("the README has no commands for the %s", node)
		}
	}
}

// wantDenial wants the words of a denial: who, what, and why the README's one grant does not match.
func wantDenial(t *testing.T, line, out string) {
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

// readmeLine runs one line of the README in a node, in the test's folder: it stands for carrying
// the tokens. A line that ends in & is left running until its role is ready.
func (l *lab) readmeLine(node, line string) string {
	l.t.Helper()
	cmd, background := strings.CutSuffix(line, " &")
	if !background {
		return l.run(node, "sh", "-c", cmd)
	}
	p := l.start(node, "sh", "-c", "exec "+cmd)
	role := strings.Fields(cmd)[1]
	l.poll(role+" answers: "+line, 10*time.Second, func() bool {
		select {
		case <-p.done:
			o := p.output()
			l.t.Fatalf("%s: %s ended with %d\n%s%s", node, line, o.code, o.stdout, o.stderr)
		default:
		}
		return l.exec(node, "oneping", role, "status", "--ready").code == 0
	})
	return ""
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

// TestReadmePlay does what the README says about playing with the lab.
func TestReadmePlay(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "ping", "mtr")
	l := newLab(t, "--bare") // for its folder; the README makes its own lab
	name := l.name + "-readme"
	t.Cleanup(func() { l.oneping("lab", "down", "--name", name) })
	verb := regexp.MustCompile(`^oneping lab (\w+)`)
	ran := 0
	for _, b := range program.README(t) {
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
		t.Errorf("ran %d lines of the README", ran)
	}
}
