package holder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/lab"
	"github.com/oneping/oneping/internal/process"
)

const (
	readyWithin = 15 * time.Second // a role's start, enrolment included
	stopWithin  = 10 * time.Second // from SIGTERM to SIGKILL
)

// role is the process that makes a node what it is. Start and stop exclude
// each other; the rest may be called at any time.
type role struct {
	node   lab.Node
	space  *namespace
	spawn  *spawner
	argv   []string
	env    []string
	action sync.Mutex // held while starting or stopping

	mu     sync.Mutex
	status roleStatus
}

// roleStatus is what is known of the process; ended is closed when it ends.
type roleStatus struct {
	pid      int
	state    lab.State
	ready    bool
	since    time.Time
	exit     int
	stopping bool
	ended    chan struct{}
}

func newRole(node lab.Node, ns *namespace, s *spawner, argv, env []string) *role {
	return &role{node: node, space: ns, spawn: s, argv: argv, env: env, status: roleStatus{state: lab.StateBare}}
}

func (r *role) logPath() string { return lab.LogPath(r.node.Name) }

func (r *role) snapshot() roleStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// start starts the process and waits until it says that it is ready, has
// ended, or has taken too long; then it is stopped and the error shows its
// last words.
func (r *role) start(ctx context.Context) error {
	r.action.Lock()
	defer r.action.Unlock()
	if r.snapshot().state == lab.StateRunning {
		return fmt.Errorf("start %s: it is running", r.node.Name)
	}
	socket, err := listenNotify(filepath.Join(lab.Dir, "run", r.node.Name+".notify"))
	if err != nil {
		return err
	}
	defer socket.close()
	ended, err := r.launch(socket.path)
	if err != nil {
		return err
	}
	return r.awaitReady(ctx, socket, ended)
}

func (r *role) awaitReady(ctx context.Context, socket *notifySocket, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyWithin, fmt.Errorf("not ready after %v", readyWithin))
	defer cancel()
	ready := make(chan error, 1)
	go func() { ready <- socket.wait(readyWord(r.node.Kind)) }()
	var cause error
	select {
	case err := <-ready:
		if err != nil {
			return fmt.Errorf("wait for %s: %w", r.node.Name, err)
		}
		r.mu.Lock()
		r.status.ready = true
		r.mu.Unlock()
		return nil
	case <-ended:
		cause = fmt.Errorf("it ended with exit code %d", r.snapshot().exit)
	case <-ctx.Done():
		cause = context.Cause(ctx)
		r.end(syscall.SIGKILL)
	}
	socket.close()
	<-ready
	return r.failure(cause)
}

// readyWord is what a role says when its node can be used: the edge that it serves, the others that
// they have a link.
func readyWord(kind lab.Kind) string {
	if kind == lab.KindEdge {
		return "READY=1"
	}
	return process.Linked
}

// failure says what happened with the last lines of the log.
func (r *role) failure(cause error) error {
	text := lastLines(readOptional(r.logPath()), 12)
	if text == "" {
		text = "  (empty)"
	}
	return advice.With(fmt.Errorf("start %s: %w; the end of its log:\n%s", r.node.Name, cause, text),
		fmt.Sprintf("to start it by hand: oneping lab up --bare, then in oneping lab shell %s: %s",
			r.node.Name, strings.Join(r.argv, " ")))
}

// launch starts the process and a goroutine that notes its end.
func (r *role) launch(notify string) (<-chan struct{}, error) {
	log, err := os.OpenFile(r.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	pid, exited, err := r.spawn.start(r.space, command{
		argv: r.argv, dir: "/", files: [3]*os.File{nil, log, log},
		env: append(r.env[:len(r.env):len(r.env)], "NOTIFY_SOCKET="+notify),
	})
	if err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	r.status = roleStatus{pid: pid, state: lab.StateRunning, since: time.Now(), ended: ended}
	go r.watch(exited, ended)
	return ended, nil
}

func (r *role) watch(exited <-chan syscall.WaitStatus, ended chan<- struct{}) {
	status := <-exited
	r.mu.Lock()
	r.status.state = lab.StateExited
	if r.status.stopping {
		r.status.state = lab.StateStopped
	}
	r.status.exit, r.status.ready, r.status.since = exitCode(status), false, time.Now()
	r.mu.Unlock()
	close(ended)
}

// stop ends the process, politely or not, and waits for its end.
func (r *role) stop(kill bool) error {
	r.action.Lock()
	defer r.action.Unlock()
	r.mu.Lock()
	running := r.status.state == lab.StateRunning
	r.status.stopping = running
	r.mu.Unlock()
	if !running {
		return fmt.Errorf("stop %s: it is not running", r.node.Name)
	}
	if kill {
		r.end(syscall.SIGKILL)
		return nil
	}
	if !r.end(syscall.SIGTERM) {
		r.end(syscall.SIGKILL)
		return errors.New("stop " + r.node.Name + ": it ignored SIGTERM for " + stopWithin.String() + " and was killed")
	}
	return nil
}

// end signals the process's group and reports whether it ended in time.
func (r *role) end(sig syscall.Signal) bool {
	status := r.snapshot()
	r.spawn.reaper.signal(status.pid, sig, true)
	timer := time.NewTimer(stopWithin)
	defer timer.Stop()
	select {
	case <-status.ended:
		return true
	case <-timer.C:
		return false
	}
}

// lastLines returns the last n lines of text, indented.
func lastLines(text string, n int) string {
	text = strings.TrimRight(text, "\n")
	if text == "" {
		return ""
	}
	lines := strings.Split(text, "\n")
	return "  " + strings.Join(lines[max(0, len(lines)-n):], "\n  ")
}
