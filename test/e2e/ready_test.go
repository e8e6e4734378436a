//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/oneping/oneping/test/program"
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

// TestReadyWithoutStateDir: a connector whose state directory cannot be written, as in a container with
// a read-only root and no volume, works from memory and can be asked whether it is ready.
func TestReadyWithoutStateDir(t *testing.T) {
	t.Parallel()
	b := newLoopback(t)
	b.run(nil, append([]string{bin}, b.edgeArgs()...)...)
	b.answers("edge")
	const nowhere = "/proc/nowhere"
	connector := b.run(nil, bin, "connector", "run", "--state-dir", nowhere, "--token-file", b.token())
	program.Poll(t, "the connector is ready", 20*time.Second, func() bool {
		return b.do("connector", "status", "--ready", "--state-dir", nowhere).code == 0
	})
	if out := b.do("connector", "status", "--state-dir", nowhere); out.code != 0 || !strings.HasPrefix(out.stdout, "link      up ") {
		t.Errorf("%+v", out)
	}
	connector.signal(syscall.SIGTERM)
	if code := connector.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if left, err := filepath.Glob(fmt.Sprintf("/dev/shm/oneping-%d-connector-*", os.Geteuid())); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
