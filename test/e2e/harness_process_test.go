//go:build linux

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a command that runs in a node while the test does something else.
type process struct {
	l    *lab
	what string
	cmd  *exec.Cmd
	done chan struct{}

	mu     sync.Mutex
	stdout bytes.Buffer
	stderr bytes.Buffer
	grown  chan struct{} // closed and replaced when output arrives
	code   int
	began  time.Time
	took   time.Duration
}

// start runs a command in a node in the background. It is ended with the test, at the latest.
func (l *lab) start(node string, argv ...string) *process {
	l.t.Helper()
	needsCommand(l.t, argv)
	p := &process{l: l, what: node + ": " + strings.Join(argv, " "), done: make(chan struct{}), grown: make(chan struct{}), began: time.Now()}
	p.cmd = exec.Command(bin, l.execArgs(node, argv)...)
	p.cmd.Dir = l.dir
	p.cmd.Stdout, p.cmd.Stderr = &writer{p, &p.stdout}, &writer{p, &p.stderr}
	p.cmd.WaitDelay = 2 * time.Second
	if err := p.cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		p.mu.Lock()
		p.code, p.took = p.cmd.ProcessState.ExitCode(), time.Since(p.began)
		p.mu.Unlock()
		close(p.done)
	}()
	l.t.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(3 * time.Second):
			_ = p.cmd.Process.Kill() // what it ran ends with the lab
			<-p.done
		}
	})
	return p
}

// writer notes output and wakes whoever waits for it.
type writer struct {
	p   *process
	buf *bytes.Buffer
}

func (w *writer) Write(b []byte) (int, error) {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	close(w.p.grown)
	w.p.grown = make(chan struct{})
	return w.buf.Write(b)
}

// output returns what the process has written so far.
func (p *process) output() result {
	p.mu.Lock()
	defer p.mu.Unlock()
	return result{stdout: p.stdout.String(), stderr: p.stderr.String(), code: p.code, took: p.took}
}

// waitFor waits until the process has written text, to either stream.
func (p *process) waitFor(text string) {
	p.l.t.Helper()
	p.until(text, 20*time.Second, func(r result) bool { return strings.Contains(r.stdout, text) || strings.Contains(r.stderr, text) })
}

// until waits until ok likes the output.
func (p *process) until(what string, within time.Duration, ok func(result) bool) {
	p.l.t.Helper()
	limit := time.NewTimer(within)
	defer limit.Stop()
	for {
		p.mu.Lock()
		grown := p.grown
		p.mu.Unlock()
		r := p.output()
		if ok(r) {
			return
		}
		select {
		case <-grown:
		case <-p.done:
			if r = p.output(); !ok(r) {
				p.l.t.Fatalf("%s ended with code %d before %s\n%s%s", p.what, r.code, what, r.stdout, r.stderr)
			}
			return
		case <-limit.C:
			p.l.t.Fatalf("%s: not within %v: %s\n%s%s", p.what, within, what, r.stdout, r.stderr)
		}
	}
}

// wait waits for the end.
func (p *process) wait(within time.Duration) result {
	p.l.t.Helper()
	select {
	case <-p.done:
	case <-time.After(within):
		r := p.output()
		p.l.t.Fatalf("%s: still running after %v\n%s%s", p.what, within, r.stdout, r.stderr)
	}
	return p.output()
}

// signal sends a signal to the command in its node.
func (p *process) signal(sig os.Signal) {
	p.l.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.l.t.Fatalf("%s: signal: %v", p.what, err)
	}
}

// interrupt ends the process as Ctrl-C does and waits for its end.
func (p *process) interrupt() result {
	p.l.t.Helper()
	p.signal(os.Interrupt)
	return p.wait(10 * time.Second)
}
