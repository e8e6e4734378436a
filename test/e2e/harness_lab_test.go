//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oneping/oneping/test/program"
)

// asConnector returns the beginning of a command line that runs as the
// connector's user, whom the node's ping group range admits.
func (l *lab) asConnector() []string {
	if l.rootless() {
		return nil
	}
	return []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}
}

// everyone is a policy that lets the users of all laptops reach everything.
const everyone = `grants:
  - {id: everyone, who: ["*"], to: ["*"], how: ["*"]}
`

// execLimit ends a foreground command that hangs.
const execLimit = 2 * time.Minute

// lab is one running lab.
type lab struct {
	t    testing.TB
	name string
	dir  string // of the test, readable by every user
}

var labCount atomic.Int32

// labsWork finds out once whether labs can run here, so that a developer without root or TUN
// device sees one skip a test instead of one error.
var labsWork = sync.OnceValue(func() error {
	out, err := exec.Command(bin, "lab", "--name", fmt.Sprintf("e2e-probe-%d", os.Getpid()), "--bare", "--", "true").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return nil
})

// newLab starts a lab with the given flags of `oneping lab up` and removes it when the test ends.
// Where they name no policy, it is the lab's own with all ports of UDP.
func newLab(t testing.TB, flags ...string) *lab {
	t.Helper()
	return newStrictLab(t, program.AllPorts(t, flags)...)
}

// newStrictLab is newLab with the policy that a user's lab has.
func newStrictLab(t testing.TB, flags ...string) *lab {
	t.Helper()
	if err := labsWork(); err != nil {
		if os.Getenv("ONEPING_BIN") != "" {
			t.Fatal("labs do not run here:", err)
		}
		program.LeaveOut(t, "labs do not run here: "+err.Error())
	}
	l := &lab{t: t, name: fmt.Sprintf("e2e-%d-%d", os.Getpid(), labCount.Add(1)), dir: t.TempDir()}
	for dir := l.dir; dir != os.TempDir() && len(dir) > 1; dir = filepath.Dir(dir) {
		_ = os.Chmod(dir, 0o755) // the connector's user reads it; parents that are not ours stay
	}
	t.Cleanup(l.down)
	began := time.Now()
	r := l.oneping(append([]string{"lab", "up", "--name", l.name}, flags...)...)
	if r.code != 0 {
		t.Fatalf("lab up %s: exit code %d\n%s%s", strings.Join(flags, " "), r.code, r.stdout, r.stderr)
	}
	t.Logf("lab %s up in %v", l.name, time.Since(began).Round(time.Millisecond))
	return l
}

// down ends the lab, after showing the logs of a failed test.
func (l *lab) down() {
	if l.t.Failed() {
		l.showLogs()
		if os.Getenv("ONEPING_KEEP") != "" {
			l.t.Logf("kept: go run . lab shell --name %s laptop", l.name) // bin goes with this run
			return
		}
	}
	if r := l.oneping("lab", "down", "--name", l.name); r.code != 0 && !strings.Contains(r.stderr, "no lab") {
		l.t.Errorf("lab down: exit code %d\n%s", r.code, r.stderr)
	}
}

func (l *lab) showLogs() {
	for _, node := range []string{"edge", "connector", "laptop", "laptop2"} {
		r := l.oneping("lab", "logs", "--name", l.name, node)
		lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
		if r.code == 0 && lines[0] != "" {
			l.t.Logf("log of %s:\n%s", node, strings.Join(lines[max(0, len(lines)-40):], "\n"))
		}
	}
}

// policy writes a policy file and returns the flags that use it.
func policy(t testing.TB, text string) (flag, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return "--policy", path
}

// file writes a file that every node can read and returns its path.
func (l *lab) file(name, text string) string {
	l.t.Helper()
	path := filepath.Join(l.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		l.t.Fatal(err)
	}
	return path
}

// secret writes a file that only its owner can read, as tokens have to be, and returns its path.
func (l *lab) secret(name, text string) string {
	l.t.Helper()
	path := l.file(name, text)
	if err := os.Chmod(path, 0o600); err != nil {
		l.t.Fatal(err)
	}
	return path
}

// result is how a command ended.
type result struct {
	stdout, stderr string
	code           int // -1: killed by a signal or by the limit
	took           time.Duration
}

// oneping runs the program itself, outside of every node.
func (l *lab) oneping(args ...string) result {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), execLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Dir = l.dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // reaches the command in the node
	cmd.WaitDelay = 5 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	err := cmd.Run()
	r := result{stdout: stdout.String(), stderr: stderr.String(), took: time.Since(began)}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		l.t.Errorf("%s did not end within %v", strings.Join(args, " "), execLimit)
		r.code = -1
	case errors.As(err, &exit):
		r.code = exit.ExitCode()
	case err != nil:
		l.t.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
	return r
}

func (l *lab) execArgs(node string, argv []string) []string {
	return append([]string{"lab", "exec", "--name", l.name, node, "--"}, argv...)
}

// exec runs a command in a node and returns how it ended.
func (l *lab) exec(node string, argv ...string) result {
	l.t.Helper()
	needsCommand(l.t, argv)
	r := l.oneping(l.execArgs(node, argv)...)
	needsOf(l.t, r)
	return r
}

// run runs a command in a node that has to end with code 0, and returns what it wrote to standard output.
func (l *lab) run(node string, argv ...string) string {
	l.t.Helper()
	r := l.exec(node, argv...)
	if r.code != 0 {
		l.t.Fatalf("%s: %s: exit code %d after %v\n%s%s", node, strings.Join(argv, " "), r.code, r.took.Round(time.Millisecond), r.stdout, r.stderr)
	}
	return r.stdout
}

// json runs a command in a node and decodes what it prints into v.
func (l *lab) json(node string, v any, argv ...string) {
	l.t.Helper()
	out := l.run(node, argv...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		l.t.Fatalf("%s: %s: %v\n%s", node, strings.Join(argv, " "), err, out)
	}
}

func (l *lab) must(args ...string) {
	l.t.Helper()
	if r := l.oneping(args...); r.code != 0 {
		l.t.Fatalf("oneping %s: exit code %d\n%s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
}

// stop stops a node politely; kill does it with SIGKILL; up starts it again and waits until it is ready.
func (l *lab) stop(node string) { l.t.Helper(); l.must("lab", "stop", "--name", l.name, node) }

func (l *lab) kill(node string) {
	l.t.Helper()
	l.must("lab", "stop", "--kill", "--name", l.name, node)
}

func (l *lab) up(node string) { l.t.Helper(); l.must("lab", "start", "--name", l.name, node) }

// poll asks until ok says yes, for what has no event to wait for. Failing is fatal.
func (l *lab) poll(what string, within time.Duration, ok func() bool) {
	l.t.Helper()
	program.Poll(l.t, what, within, ok)
}

// forgetMTU makes a node forget which path MTUs it has been told.
func forgetMTU(node string) func(*lab) {
	return func(l *lab) {
		l.t.Helper()
		l.run(node, "sh", "-ec", "ip route flush cache; ip -6 route flush cache table all")
	}
}
