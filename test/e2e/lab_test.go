//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLabFindsOneping: a command in a node finds this very program, whatever starts it, and what
// `lab up` tells to type next begins as this command line did.
func TestLabFindsOneping(t *testing.T) {
	t.Parallel()
	l := newLab(t, "--bare")
	want := strings.TrimSpace(l.oneping("version").stdout)
	for _, argv := range [][]string{
		{"oneping", "version"},
		{"sh", "-c", "oneping version"},
		{"bash", "-c", "oneping version"},
		{"sh", "-lc", "oneping version"},   // /etc/profile makes the path anew
		{"bash", "-lc", "oneping version"}, // and so does it here
	} {
		for _, node := range []string{"laptop", "edge", "connector", "server"} {
			if got := lastLine(l.run(node, argv...)); got != want {
				t.Errorf("%s: %q prints %q, want %q", node, argv, got, want)
			}
		}
	}
	dir := t.TempDir()
	if err := os.Symlink(bin, filepath.Join(dir, "oneping")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ typed, path, want string }{
		{"oneping", dir + ":/usr/bin:/bin", "oneping"},
		{"./oneping", "/usr/bin:/bin", "./oneping"},
		{filepath.Join(dir, "oneping"), "/usr/bin:/bin", filepath.Join(dir, "oneping")},
		{"./oneping", dir + ":/usr/bin:/bin", "oneping"},
	} {
		name := l.name + "-typed"
		out := byName(t, dir, tt.typed, tt.path, "lab", "up", "--bare", "--name", name)
		for _, next := range []string{"shell --name " + name + " edge", "down --name " + name} {
			if want := fmt.Sprintf("\n  %s lab %s\n", tt.want, next); !strings.Contains(out, want) {
				t.Errorf("%s lab up: no %q in\n%s", tt.typed, want, out)
			}
		}
		out = byName(t, dir, tt.typed, tt.path, "lab", "down", "--name", name)
		if out != "" {
			t.Errorf("lab down: %s", out)
		}
		out = byName(t, dir, tt.typed, tt.path, "lab", "down", "--name", name)
		if want := "hint: start it with: " + tt.want + " lab up --name " + name; !strings.Contains(out, want) {
			t.Errorf("lab down again: no %q in\n%s", want, out)
		}
	}
}

// byName runs the program in dir under the name that was typed, with a path, and returns what it
// says.
func byName(t *testing.T, dir, typed, path string, args ...string) string {
	t.Helper()
	cmd := exec.Command(bin, args...)
	cmd.Args[0], cmd.Dir = typed, dir
	cmd.Env = append(os.Environ(), "PATH="+path)
	out, err := cmd.CombinedOutput()
	if exit, ok := err.(*exec.ExitError); err != nil && (!ok || exit.ExitCode() != 1) {
		t.Fatalf("%s %s: %v\n%s", typed, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// TestLabStartWaitsForLinks: lab status says which node has no link, and when an edge that was
// stopped or killed is started the next command on the laptop finds the path.
func TestLabStartWaitsForLinks(t *testing.T) {
	t.Parallel()
	needs(t, "ping")
	l := newLab(t)
	status := func() string { t.Helper(); return l.oneping("lab", "status", "--name", l.name).stdout }
	if out := status(); !strings.Contains(out, " 192.0.2.1/32 ") || !strings.Contains(out, "laptop -- oneping trace "+serverV4+"\n") {
		t.Errorf("it says neither where the edge is nor what to trace:\n%s", out)
	}
	for name, stop := range map[string]func(string){"stopped": l.stop, "killed": l.kill} {
		stop("edge")
		if name == "stopped" { // a killed edge says nothing: its nodes find out by its silence
			l.poll("lab status says that the links are down", 20*time.Second, func() bool {
				return strings.Count(status(), "  link down  ") == 2
			})
		}
		l.up("edge")
		l.run("laptop", "ping", "-n", "-c1", "-W2", serverV4)
		if out := status(); strings.Contains(out, "link down") || strings.Count(out, "  ready") != 3 {
			t.Errorf("%s and started:\n%s", name, out)
		}
	}
	l.run("laptop", "ip", "link", "set", "eth0", "down")
	l.stop("edge")
	l.up("edge") // a laptop that stays away is no reason to fail
}
