//go:build linux

package e2e

import (
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/oneping/oneping/test/program"
)

// An edge is backed up while it runs and a connector is up; its machine is lost; another one is made
// of the backup, and the connector is back without having been asked.
func TestBackup(t *testing.T) {
	t.Parallel()
	b := newLoopback(t)
	edge := b.run(nil, append([]string{bin}, b.edgeArgs()...)...)
	b.answers("edge")
	connector := b.run(nil, append([]string{bin}, b.connectorArgs(b.token())...)...)
	up := func(when string) {
		t.Helper()
		program.Poll(t, "the connector to be up "+when, 20*time.Second, func() bool {
			return b.do("connector", "status", "--ready", "--state-dir", b.path("connector")).code == 0
		})
	}
	up("at first")
	r := b.do("edge", "backup", b.path("edge.tar"), "--state-dir", b.path("edge"))
	if r.code != 0 || !regexp.MustCompile(`^backup    `+b.path("edge.tar")+`, [0-9,]+ bytes\nrevision  \d+\nholds     1 tunnel, 1 connector, 1 token, 1 address plan\n$`).MatchString(r.stdout) ||
		r.stderr != "hint: keep it as you keep a key; to make an edge of it: oneping edge restore "+b.path("edge.tar")+"\n" {
		t.Fatalf("backup: %+v", r)
	}
	if fi, err := os.Stat(b.path("edge.tar")); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", fi.Mode(), err)
	}
	if r := b.do("edge", "restore", b.path("edge.tar"), "--state-dir", b.path("edge")); r.code != 1 || !strings.Contains(r.stderr, " is in use by process ") {
		t.Errorf("restore over an edge that runs: %+v", r)
	}
	edge.signal(syscall.SIGKILL)
	<-edge.done
	r = b.do("edge", "restore", b.path("edge.tar"), "--state-dir", b.path("new"))
	if r.code != 0 || !regexp.MustCompile(`^acknowledged  revision \d+\nrestored      1 tunnel, 1 connector, 1 token, 1 address plan\n$`).MatchString(r.stdout) {
		t.Fatalf("restore: %+v", r)
	}
	args := append([]string{bin}, b.edgeArgs()...)
	for i, word := range args {
		if word == b.path("edge") {
			args[i] = b.path("new")
		}
	}
	again := b.run(nil, args...)
	program.Poll(t, "the new edge answers", 20*time.Second, func() bool {
		return b.do("edge", "status", "--ready", "--state-dir", b.path("new")).code == 0
	})
	up("at the new edge")
	for _, r := range []*role{connector, again} {
		r.signal(syscall.SIGTERM)
		if code := r.code(); code != 0 {
			t.Errorf("exit code %d\n%s", code, r.log)
		}
	}
}
