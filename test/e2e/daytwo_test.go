//go:build linux

package e2e

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/test/program"
)

const dayTwo = "docs/day-two.md"

// TestDayTwo plays the jobs of docs/day-two.md, each a transcript, one after the other on the
// machines of docs/deploy.md, a second laptop and a second site, home. With ONEPING_UPDATE=1 what is
// printed becomes what the page shows. A transcript whose name ends in .service is about systemd or
// packages: test/deploy plays it.
func TestDayTwo(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "ping")
	j := jobs{l: newLab(t, "--bare", "--laptops", "3")}
	_, j.roles = j.l.deployed()
	for _, b := range program.Page(t, dayTwo) {
		switch {
		case b.Lang == "yaml" && b.Place != "":
			j.l.file(b.Place, b.Text)
		case b.Lang == "text" && b.Place != "" && !strings.HasSuffix(b.Place, ".service"):
			if !t.Run(b.Place, func(t *testing.T) { j.play(t, b) }) && !updating() {
				t.FailNow() // what follows goes on from there
			}
		}
	}
}

// jobs are what an operator does in a lab, one job after the other.
type jobs struct {
	l     *lab
	ids   program.IDs
	roles map[string]*process // what runs, by nodes
}

// play plays one transcript, which is to show what is printed.
func (j *jobs) play(t *testing.T, b program.Block) {
	t.Helper()
	played := ""
	for _, s := range b.Steps() {
		out := j.step(s)
		switch {
		case s.Shows(out):
			out = s.Output
		case !updating():
			t.Fatalf("%s$ %s: -page +printed (ONEPING_UPDATE=1 writes it)\n%s", s.Node, s.Command, cmp.Diff(s.Output, out))
		}
		played += s.Prompt + "\n" + out + "\n"
	}
	if updating() {
		show(t, b, strings.TrimRight(played, "\n")+"\n")
	}
}

var (
	// looks is what only looks at something, and may be typed again until it is as it should be: what
	// others notice in their time.
	looks = regexp.MustCompile(`^(ping|traceroute|oneping (\S+ )?(trace|ping|status|list|show|get|check|explain|denials))\b`)
	// installs is what makes a role a service, and runs how it is started where there are none.
	installs = regexp.MustCompile(`^oneping (\S+) service install(.*)$`)
	runs     = map[string]string{"edge": "edge run", "connector": "connector run", "client": "client up"}
)

// home is the node that stands for a machine of a second site.
const home = "laptop3"

// step types one command, and returns what it prints with what differs from run to run replaced. A lab
// has no services: what makes a role one starts it by hand, in the place of what runs there.
func (j *jobs) step(s program.Step) string {
	l, node := j.l, s.Node
	l.t.Helper()
	if node == "home" {
		node = home
	}
	if m := installs.FindStringSubmatch(s.Command); m != nil {
		if p := j.roles[node]; p != nil {
			_ = p.cmd.Process.Signal(syscall.SIGTERM)
			<-p.done
		}
		j.roles[node] = l.startRole(node, "oneping "+runs[m[1]]+m[2])
		return s.Output
	}
	line := "exec 2>&1; " + j.ids.Show(s.Command)
	for deadline := time.Now().Add(20 * time.Second); ; {
		r := l.exec(node, "sh", "-c", line)
		out := program.NormalButIDs(j.ids.Hide(strings.ReplaceAll(r.stdout, home, "home")))
		if r.code != 0 && strings.HasPrefix(s.Command, "oneping ") && !strings.Contains(s.Output, "error: ") {
			out += "exit code " + strconv.Itoa(r.code) + "\n" // no "…" stands for that
			if !looks.MatchString(s.Command) {
				l.t.Errorf("%s$ %s: %s", s.Node, s.Command, out)
			}
		}
		if out = strings.TrimLeft(out, "\n"); s.Shows(out) || updating() || !looks.MatchString(s.Command) || time.Now().After(deadline) {
			return out
		}
	}
}

// show writes what was played to the page.
func show(t *testing.T, b program.Block, played string) {
	t.Helper()
	path := program.PagePath(dayTwo)
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fence := "```text " + b.Place + "\n"
	text := strings.Replace(string(page), fence+b.Text+"```", fence+played+"```", 1)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
