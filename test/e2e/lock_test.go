//go:build linux

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// A second edge on one data directory is told who has it, and the first goes on.
func TestSecondEdgeOnOneDirectory(t *testing.T) {
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
