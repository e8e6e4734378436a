//go:build linux

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/oneping/oneping/test/program"
)

// each runs f for edge and connector, whose command lines are without the program.
func (b *loopback) each(t *testing.T, f func(t *testing.T, name string, argv []string)) {
	t.Helper()
	edge := b.run(nil, append([]string{bin}, b.edgeArgs()...)...)
	b.answers("edge")
	token := b.token()
	t.Run("connector", func(t *testing.T) { f(t, "connector", append([]string{bin}, b.connectorArgs(token)...)) })
	edge.signal(syscall.SIGTERM)
	edge.code()
	t.Run("edge", func(t *testing.T) { f(t, "edge", append([]string{bin}, b.edgeArgs()...)) })
}

// TestSignals: SIGHUP, as a closed terminal and a dropped ssh session send it, ends a role as SIGTERM
// does; under nohup it is ignored. SIGQUIT shows what the role does, and ends it, too.
func TestSignals(t *testing.T) {
	t.Parallel()
	b := newLoopback(t)
	b.each(t, func(t *testing.T, name string, argv []string) {
		for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT} {
			r := b.run(nil, argv...)
			b.answers(name)
			r.signal(sig)
			code := r.code()
			stacks := strings.Contains(r.log.String(), "goroutine ") && strings.Contains(r.log.String(), "cmd.run(")
			if code != 0 || stacks != (sig == syscall.SIGQUIT) {
				t.Errorf("%v: exit code %d, stacks %v\n%s", sig, code, stacks, r.log)
			}
		}
		r := b.run(nil, append([]string{"sh", "-c", `trap "" HUP; exec "$@"`, "nohup"}, argv...)...)
		b.answers(name)
		r.signal(syscall.SIGHUP)
		r.signal(syscall.SIGHUP)
		b.answers(name)
		r.signal(syscall.SIGTERM)
		if code := r.code(); code != 0 || strings.Contains(r.log.String(), "goroutine ") {
			t.Errorf("under nohup: exit code %d\n%s", code, r.log)
		}
	})
}

// TestLogWithoutReader: a role whose log goes to a pipe that nobody reads (2>&1 | head -1), or that a
// reader leaves full, goes on, answers, says how many lines were lost, and ends when it is told to.
func TestLogWithoutReader(t *testing.T) {
	t.Parallel()
	b := newLoopback(t)
	b.each(t, func(t *testing.T, name string, argv []string) {
		for _, reader := range []string{"gone", "stands still"} {
			read, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _, _ = read.Close(), write.Close() }()
			if reader == "gone" {
				_ = read.Close()
			} else if _, err := write.Write(make([]byte, 1<<16)); err != nil { // as much as a pipe holds
				t.Fatal(err)
			}
			r := b.run(write, append(argv, "--log-level", "debug")...)
			b.answers(name)
			program.Poll(t, "lines are lost", 20*time.Second, func() bool {
				var s struct {
					Lost uint64 `json:"log_lines_lost"`
				}
				out := b.do(name, "status", "--json", "--state-dir", b.path(name))
				return json.Unmarshal([]byte(out.stdout), &s) == nil && s.Lost > 0
			})
			if out := b.do(name, "status", "--state-dir", b.path(name)); !strings.Contains(out.stdout, " lost: nobody took them from standard error\n") {
				t.Errorf("a reader who %s: %s", reader, out.stdout)
			}
			r.signal(syscall.SIGTERM)
			if code := r.code(); code != 0 {
				t.Errorf("a reader who %s: exit code %d", reader, code)
			}
		}
	})
}

// TestOutputWithoutReader: a command whose output nobody reads any more ends without a word, with the
// code that a shell gives to who was ended by SIGPIPE.
func TestOutputWithoutReader(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = read.Close()
	defer func() { _ = write.Close() }()
	b := newLoopback(t)
	b.run(nil, append([]string{bin}, b.edgeArgs()...)...)
	b.answers("edge")
	b.token()
	for _, args := range [][]string{{"edge", "status"}, {"edge", "status", "--json"}, {"tunnel", "list"}, {"tunnel", "create", "x"}, {"version"}} {
		if args[0] != "version" {
			args = append(args, "--state-dir", b.path("edge"))
		}
		var said strings.Builder
		c := exec.Command(bin, args...)
		c.Stdout, c.Stderr = write, &said
		_ = c.Run()
		if code := c.ProcessState.ExitCode(); code != 128+int(syscall.SIGPIPE) || said.String() != "" {
			t.Errorf("%s: exit code %d, said %q", strings.Join(args, " "), code, said.String())
		}
	}
}

// TestClosedTerminal: with everything captured, a client whose terminal is closed, or whose log goes
// to a pipe that nobody reads, does not take the laptop off its network.
func TestClosedTerminal(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.run("edge", "oneping", "route", "capture", "add", "0.0.0.0/0", "--yes")
	l.stop("laptop")
	before := l.host("laptop")

	c := exec.Command(bin, l.execArgs("laptop", []string{"oneping", "client", "up"})...)
	c.Dir = l.dir
	terminal, err := pty.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	captured := func() bool {
		return strings.Contains(l.exec("laptop", "oneping", "client", "status").stdout, "0.0.0.0/0") && l.statusReady("laptop").code == 0
	}
	l.poll("everything is captured", 20*time.Second, captured)
	_ = terminal.Close()
	_ = c.Wait()
	l.sameHost("after the terminal was closed", before)

	l.start("laptop", "sh", "-c", "oneping client up --log-level debug 2>&1 | head -1")
	l.poll("everything is captured", 20*time.Second, captured)
	l.stop("edge") // the client says so, and nobody listens
	l.up("edge")
	l.poll("a line is lost", 20*time.Second, func() bool {
		return strings.Contains(l.exec("laptop", "oneping", "client", "status").stdout, " lost: nobody took them")
	})
	l.poll("the client goes on", 20*time.Second, captured)
	l.signalClient("HUP")
	l.poll("the client has ended", 20*time.Second, func() bool { return l.exec("laptop", "oneping", "client", "status").code != 0 })
	l.poll("the host is as before", 10*time.Second, func() bool { return l.host("laptop") == before })
}
