//go:build linux

package e2e

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/oneping/oneping/test/program"
)

// loopback is an edge that runs on this machine's loopback, for what needs no lab.
type loopback struct {
	t    testing.TB
	dir  string // of the test; the edge's is dir/edge
	addr string // of the edge
}

// newLoopback chooses a port and a directory; nothing runs yet.
func newLoopback(t testing.TB) *loopback {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return &loopback{t: t, dir: t.TempDir(), addr: c.LocalAddr().String()}
}

func (b *loopback) path(name string) string { return filepath.Join(b.dir, name) }

// edgeArgs is the command line that runs the edge.
func (b *loopback) edgeArgs() []string {
	return []string{"edge", "run", "--state-dir", b.path("edge"), "--listen", b.addr, "--advertise", b.addr}
}

// token has the edge, which runs, write a tunnel's token, and returns its path.
func (b *loopback) token() string {
	b.t.Helper()
	path := b.path("office.token")
	if r := b.do("tunnel", "create", "office", "--state-dir", b.path("edge"), "--output", path); r.code != 0 {
		b.t.Fatalf("tunnel create: %+v", r)
	}
	return path
}

// connectorArgs is the command line that runs a connector with a token.
func (b *loopback) connectorArgs(token string) []string {
	return []string{"connector", "run", "--state-dir", b.path("connector"), "--token-file", token}
}

// do runs oneping with these words and returns how it ended.
func (b *loopback) do(args ...string) result {
	b.t.Helper()
	return (&lab{t: b.t, dir: b.dir}).oneping(args...)
}

// answers waits until the status of a role is answered.
func (b *loopback) answers(role string) {
	b.t.Helper()
	program.Poll(b.t, role+" answers", 20*time.Second, func() bool {
		return b.do(role, "status", "--state-dir", b.path(role)).code == 0
	})
}

// role is one that runs on this machine.
type role struct {
	t    testing.TB
	cmd  *exec.Cmd
	log  *bytes.Buffer // standard error, to be read after the end
	done chan struct{}
}

// run starts a command in the background; it is killed with the test at the latest. Where errTo is
// nil, its standard error is kept.
func (b *loopback) run(errTo *os.File, argv ...string) *role {
	b.t.Helper()
	r := &role{t: b.t, cmd: exec.Command(argv[0], argv[1:]...), log: new(bytes.Buffer), done: make(chan struct{})}
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // with what it has started
	r.cmd.WaitDelay = 2 * time.Second
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = b.dir, io.Discard, r.log
	if errTo != nil {
		r.cmd.Stdout, r.cmd.Stderr = errTo, errTo
	}
	if err := r.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	go func() {
		_ = r.cmd.Wait()
		close(r.done)
	}()
	b.t.Cleanup(func() {
		_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
		<-r.done
	})
	return r
}

// signal sends a signal.
func (r *role) signal(sig syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		r.t.Fatal(err)
	}
}

// code waits for the end and returns the exit code, -1 where a signal was the end.
func (r *role) code() int {
	r.t.Helper()
	select {
	case <-r.done:
	case <-time.After(20 * time.Second):
		r.t.Fatalf("%s does not end\n%s", strings.Join(r.cmd.Args, " "), r.log)
	}
	return r.cmd.ProcessState.ExitCode()
}
