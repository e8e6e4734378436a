//go:build linux

package e2e

import (
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A second edge on one data directory is told who has it, and the first goes on.
func TestSecondEdgeOnOneDirectory(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute")
	l := newLab(t)
	r := l.exec("edge", "oneping", "edge", "run", "--state-dir", edgeState, "--listen", "127.0.0.1:7845")
	pid := strings.Fields(l.pids()[slices.IndexFunc(l.pids(), func(s string) bool { return strings.HasPrefix(s, "edge ") })])[1]
	for _, part := range []string{
		"oneping: error: data directory " + edgeState + " is in use by process " + pid + " (oneping edge run --state-dir " + edgeState + " ",
		"\nhint: stop that edge first, or give this one another --state-dir",
	} {
		if r.code != 1 || !strings.Contains(r.stderr, part) {
			t.Errorf("exit code %d, want 1 and %q in\n%s", r.code, part, r.stderr)
		}
	}
	l.wantTrace("the first edge", "laptop", []string{"-I", serverV4}, edgeV4, connectorV4, serverV4)
	l.kill("edge") // the lock goes with the process
	l.up("edge")
	l.poll("three hops", 5*time.Second, func() bool {
		return slices.Equal(l.trace("laptop", "-I", serverV4), []string{edgeV4, connectorV4, serverV4})
	})
}

// A second client or connector on one state directory ends at once and is told who has it, also
// where the first one's local socket is somewhere else, as a service's is: without the lock both
// would take the place at the edge from each other.
func TestSecondNodeOnOneDirectory(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for node, c := range map[string]struct {
		role, dir string
		argv      []string
	}{
		"connector": {"connector", connectorState, []string{"oneping", "connector", "run"}},
		"laptop":    {"client", laptopState, []string{"oneping", "client", "up", "--tun", "oneping9"}},
	} {
		run := filepath.Join(l.dir, node, "oneping", c.role)
		l.run(node, "sh", "-c", "mkdir -p "+run+"; chown -R 0:0 "+c.dir) // the lab's connector is another user's
		pid := strings.Fields(l.pids()[slices.IndexFunc(l.pids(), func(s string) bool { return strings.HasPrefix(s, node+" ") })])[1]
		r := l.exec(node, append([]string{"env", "RUNTIME_DIRECTORY=" + run}, append(c.argv, "--state-dir", c.dir)...)...)
		for _, part := range []string{
			"state directory " + c.dir + " is in use by process " + pid + " (",
			"oneping " + c.role + " ",
			"\nhint: stop that " + c.role + " first, or give this one another --state-dir",
		} {
			if r.code != 1 || !strings.Contains(r.stderr, part) {
				t.Errorf("exit code %d, want 1 and %q in\n%s", r.code, part, r.stderr)
			}
		}
		if r := l.statusReady(node); r.code != 0 {
			t.Errorf("the first %s: %s", c.role, r.stderr)
		}
	}
}

// Two machines run with copies of one state directory. The newer one has the place at the edge; the
// other one says who that is, keeps away as long as it is there, and takes its place again
// afterwards.
func TestCopiedStateDirectory(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	copied := filepath.Join(l.dir, "copied")
	l.run("connector", "cp", "-r", "--no-preserve=ownership", connectorState, copied)
	second := l.start("laptop", "oneping", "connector", "run", "--state-dir", copied)
	second.waitFor(`"link up"`)
	var s struct {
		Up        bool
		LastError string `json:"last_error"`
		LastHint  string `json:"last_error_hint"`
	}
	status := func() { l.json("connector", &s, "oneping", "connector", "status", "--json") }
	replaced := "link closed by peer: replaced: another connector with this identity is connected from " + laptopDialV4 + ":"
	l.poll("the first says who has its place", 5*time.Second, func() bool {
		status()
		return strings.HasPrefix(s.LastError, replaced) && strings.Contains(s.LastError, " (host ")
	})
	if want := "another machine runs with a copy of this one's state directory: one of them needs a token and a state directory of its own"; s.LastHint != want {
		t.Errorf("hint %q", s.LastHint)
	}
	<-time.After(5 * time.Second) // in which the two took the place from each other, several times
	if n := strings.Count(second.output().stderr, `"link up"`); n != 1 {
		t.Errorf("the second one had %d links", n)
	}
	if status(); s.Up {
		t.Error("both are up")
	}
	second.interrupt()
	l.poll("the first is back", time.Minute, func() bool { status(); return s.Up })
}

// TestStartAtOnceAfterKill: who starts a role in the moment in which it was killed is not told that
// the dying process has its directory, socket, port or device.
func TestStartAtOnceAfterKill(t *testing.T) {
	t.Parallel()
	const rounds = 5
	b := newLoopback(t)
	edge := b.run(nil, append([]string{bin}, b.edgeArgs()...)...)
	b.answers("edge")
	for name, argv := range map[string][]string{"edge": b.edgeArgs(), "connector": b.connectorArgs(b.token())} {
		if name == "edge" {
			edge.signal(syscall.SIGKILL)
		}
		for i := range rounds {
			r := b.run(nil, append([]string{bin}, argv...)...)
			b.answers(name)
			r.signal(syscall.SIGKILL)
			if i == rounds-1 {
				r.code()
			}
		}
	}
	l := newLab(t)
	l.stop("laptop")
	before := l.host("laptop")
	for range rounds {
		p := l.start("laptop", "oneping", "client", "up")
		p.waitFor(`"link up"`)
		l.signalClient("KILL")
	}
	p := l.start("laptop", "oneping", "client", "up")
	p.waitFor(`"link up"`)
	p.interrupt()
	l.sameHost("after kills, start and stop", before)
}
