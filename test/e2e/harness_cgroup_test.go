//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// cgroup is a memory cgroup of the tests' own (cgroups(7)).
type cgroup struct {
	t    *testing.T
	dir  string
	home string // where its processes go when it ends
	v2   bool
}

// newCgroup makes one with a limit of bytes. Where that is not possible it skips the test.
func newCgroup(t *testing.T, bytes int) *cgroup {
	t.Helper()
	c := &cgroup{t: t, home: "/sys/fs/cgroup/memory"}
	limit := "memory.limit_in_bytes"
	if _, err := os.Stat(filepath.Join(c.home, limit)); err != nil {
		c.home, c.v2, limit = "/sys/fs/cgroup", true, "memory.max"
	}
	c.dir = filepath.Join(c.home, fmt.Sprintf("oneping-e2e-%d-%s", os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-")))
	if err := os.Mkdir(c.dir, 0o755); err != nil {
		t.Skip("no memory cgroup can be made here:", err)
	}
	t.Cleanup(func() {
		for pid := range strings.FieldsSeq(c.read("cgroup.procs")) {
			_ = os.WriteFile(filepath.Join(c.home, "cgroup.procs"), []byte(pid), 0o644)
		}
		if err := os.Remove(c.dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(c.dir, limit), []byte(strconv.Itoa(bytes)), 0o644); err != nil {
		t.Skip("no memory cgroup can be limited here:", err)
	}
	return c
}

func (c *cgroup) read(name string) string {
	b, _ := os.ReadFile(filepath.Join(c.dir, name))
	return string(b)
}

// join moves a process, and those that it starts from now on, into the cgroup; leave moves it out.
func (c *cgroup) join(pid int) { c.move(c.dir, pid) }

func (c *cgroup) leave(pid int) { c.move(c.home, pid) }

func (c *cgroup) move(dir string, pid int) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

// anonymous returns how much memory of the processes' own there is, in bytes, peak the most of all
// kinds until now.
func (c *cgroup) anonymous() int {
	key := "rss "
	if c.v2 {
		key = "anon "
	}
	for line := range strings.Lines(c.read("memory.stat")) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(rest))
			return n
		}
	}
	c.t.Fatal("the cgroup does not say what its processes have")
	return 0
}

func (c *cgroup) peak() int {
	name := "memory.max_usage_in_bytes"
	if c.v2 {
		name = "memory.peak"
	}
	n, _ := strconv.Atoi(strings.TrimSpace(c.read(name)))
	return n
}

// mounted returns the shell command that shows the cgroups in a mount namespace that has none.
func (c *cgroup) mounted() string {
	if c.v2 {
		return "mount -t cgroup2 none /sys/fs/cgroup"
	}
	return "mount -t tmpfs none /sys/fs/cgroup && mkdir /sys/fs/cgroup/memory && mount -t cgroup -o memory none /sys/fs/cgroup/memory"
}
