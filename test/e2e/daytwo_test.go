//go:build linux

package e2e

import (
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/oneping/oneping/test/program"
)

// TestDayTwo plays the jobs of docs/day-two.md, each a transcript, one after the other on the
// machines of docs/deploy.md, a second laptop and a second site, home. A transcript whose name ends
// in .service is about systemd or packages: test/deploy plays it.
func TestDayTwo(t *testing.T) {
	t.Parallel()
	l := newLab(t, "--bare", "--laptops", "3")
	_, roles := l.deployed()
	operator := &operator{l: l, roles: roles}
	page := program.Play{Page: "docs/day-two.md"}
	for _, b := range program.Page(t, page.Page) {
		if b.Lang != "text" || b.Place == "" || strings.HasSuffix(b.Place, ".service") {
			continue
		}
		if !t.Run(b.Place, func(t *testing.T) { page.Job(t, b, operator) }) && !updating() {
			t.FailNow() // what follows goes on from there
		}
	}
}

// operator types what stands on a page into the nodes of a lab.
type operator struct {
	l     *lab
	roles map[string]*process // what runs, by nodes
}

// home is the node that stands for a machine of a second site.
const home = "laptop3"

var (
	// installs is what makes a role a service, and runs how it is started where there are none.
	installs = regexp.MustCompile(`^oneping (\S+) service install(.*)$`)
	runs     = map[string]string{"edge": "edge run", "connector": "connector run", "client": "client up"}
)

// Type types a line. A lab has no services: what makes a role one starts it by hand, in the place of
// what runs there.
func (o *operator) Type(t *testing.T, node, line string) (string, int) {
	t.Helper()
	if node == "home" {
		node = home
	}
	if m := installs.FindStringSubmatch(line); m != nil {
		if p := o.roles[node]; p != nil {
			_ = p.cmd.Process.Signal(syscall.SIGTERM)
			<-p.done
		}
		o.roles[node] = o.l.startRole(node, "oneping "+runs[m[1]]+m[2])
		return "", 0
	}
	r := o.l.exec(node, "sh", "-c", "exec 2>&1; "+line)
	return strings.ReplaceAll(r.stdout, home, "home"), r.code
}

// Carry has nothing to do: all nodes of a lab see one folder.
func (o *operator) Carry(*testing.T, string, string, string) {}
