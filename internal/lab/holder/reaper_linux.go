package holder

import (
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// reaper collects every child of the holder, orphans included: as PID 1 it
// inherits them. It is the only one that waits; os/exec is not used beside it.
type reaper struct {
	mu      sync.Mutex
	waiting map[int]chan syscall.WaitStatus
	signals chan os.Signal
}

func newReaper() *reaper {
	r := &reaper{waiting: map[int]chan syscall.WaitStatus{}, signals: make(chan os.Signal, 1)}
	signal.Notify(r.signals, unix.SIGCHLD)
	return r
}

// start forks under the reaper's lock, so that a child which ends at once is
// still known. The channel receives the status once.
func (r *reaper) start(fork func() (int, error)) (int, <-chan syscall.WaitStatus, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	pid, err := fork()
	if err != nil {
		return 0, nil, err
	}
	exited := make(chan syscall.WaitStatus, 1)
	r.waiting[pid] = exited
	return pid, exited, nil
}

// signal sends to a child, or to its process group; nothing once it is reaped,
// because its number may then be another's.
func (r *reaper) signal(pid int, sig syscall.Signal, group bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, alive := r.waiting[pid]; !alive {
		return
	}
	if group {
		pid = -pid
	}
	_ = syscall.Kill(pid, sig)
}

// run reaps for as long as the holder lives.
func (r *reaper) run() {
	for range r.signals {
		for r.reap() {
		}
	}
}

func (r *reaper) reap() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
	if err == syscall.EINTR {
		return true
	}
	if err != nil || pid <= 0 {
		return false
	}
	if exited, ok := r.waiting[pid]; ok {
		delete(r.waiting, pid)
		exited <- status
	}
	return true
}

// exitCode is what a shell would say: 128 + the signal.
func exitCode(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}
