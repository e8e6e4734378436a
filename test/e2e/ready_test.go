//go:build linux

package e2e

import (
	"strings"
	"testing"
	"time"
)

// TestReady asks all three roles before, during and after an outage of the edge.
func TestReady(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	nodes := []string{"edge", "connector", "laptop"}
	wantReady := func() {
		t.Helper()
		for _, node := range nodes {
			l.poll(node+" is ready", 20*time.Second, func() bool { return l.statusReady(node).code == 0 })
			if r := l.statusReady(node); r.code != 0 || r.stdout != "" || r.stderr != "" {
				t.Errorf("%s is ready and says so with exit code %d\n%s%s", node, r.code, r.stdout, r.stderr)
			}
		}
	}
	wantReady()
	l.stop("edge")
	for node, words := range map[string]string{
		"edge":      "oneping: error: no edge is running with state directory ",
		"connector": "oneping: error: the connector has no link to an edge: ",
		"laptop":    "oneping: error: the client has no link to an edge: ",
	} {
		var r result
		l.poll(node+" is not ready", 20*time.Second, func() bool { r = l.statusReady(node); return r.code != 0 })
		if r.code != 1 || r.stdout != "" || !strings.HasPrefix(r.stderr, words) || !strings.Contains(r.stderr, "\nhint: ") {
			t.Errorf("%s is not ready: exit code %d\n%s%s", node, r.code, r.stdout, r.stderr)
		}
	}
	l.up("edge")
	wantReady()
}
