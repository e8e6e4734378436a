package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/term"
)

// endWithin bounds how long a holder may take to be gone.
const endWithin = 10 * time.Second

// starter is a holder that still depends on this process.
type starter struct {
	cmd   *exec.Cmd
	lease *Conn
	words *bytes.Buffer // what the holder's runtime said before it had a log
}

// Up starts a lab that outlives this process. It returns when every role is
// ready; on an error, or when ctx ends first, nothing is left of the lab.
func Up(ctx context.Context, o Options, progress *term.Progress) error {
	s, err := launch(ctx, o, progress)
	if err != nil {
		return err
	}
	if err := s.lease.Send(Detach{Detach: true}); err != nil {
		return errors.Join(err, s.end())
	}
	// The holder reads the word before it sees the end of the lease.
	return errors.Join(s.lease.Close(), s.cmd.Process.Release())
}

// Run starts a lab, runs cmd in it and removes the lab. Nothing of it survives
// this process, however that ends. The error is an *ExitError if cmd ended with
// another code than 0.
func Run(ctx context.Context, o Options, cmd Command, progress *term.Progress) error {
	if o.Name == "" {
		o.Name = fmt.Sprintf("run-%d", os.Getpid())
	}
	s, err := launch(ctx, o, progress)
	if err != nil {
		return err
	}
	err = Exec(o.Name, cmd)
	return errors.Join(err, s.end())
}

// launch starts a holder and waits for it to be ready.
func launch(ctx context.Context, o Options, progress *term.Progress) (*starter, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if err := checkTun(); err != nil {
		return nil, err
	}
	s, err := startHolder(o)
	if err != nil {
		return nil, ExplainDenied(err, os.Geteuid() == 0)
	}
	stop := context.AfterFunc(ctx, func() { _ = s.lease.Close() })
	defer stop()
	if err := s.awaitReady(progress); err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted; nothing is left of the lab")
		}
		return nil, errors.Join(err, s.end())
	}
	return s, nil
}

// startHolder makes this program PID 1 of new namespaces.
func startHolder(o Options) (*starter, error) {
	userNamespace := needsUserNamespace()
	lease, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	s := &starter{lease: lease, words: &bytes.Buffer{}}
	s.cmd = exec.Command("/proc/self/exe", "lab", "holder")
	s.cmd.Args[0] = "oneping"
	s.cmd.ExtraFiles = []*os.File{theirs}
	s.cmd.Stderr = s.words
	s.cmd.SysProcAttr = holderAttr(userNamespace)
	if err := s.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("create namespaces: %w", err), lease.Close())
	}
	letter := Charter{Options: o, Socket: socketName(o.Name), Rootless: userNamespace || !hasManyUsers()}
	if err := lease.Send(letter); err != nil {
		return nil, errors.Join(fmt.Errorf("instruct holder: %w", err), s.end())
	}
	return s, nil
}

func holderAttr(userNamespace bool) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
	}
	if userNamespace {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return attr
}

func (s *starter) awaitReady(progress *term.Progress) error {
	defer progress.Done()
	for {
		var word Reply
		if _, err := s.lease.Receive(&word); err != nil {
			return errors.New("start lab: its holder ended before it was ready")
		}
		switch {
		case word.Error != "":
			return word.Err()
		case word.Ready:
			return nil
		}
		progress.Step("lab: starting " + word.Progress)
	}
}

// end gives the lease up and waits until the holder, and with it the lab, is gone.
func (s *starter) end() error {
	_ = s.lease.Close()
	kill := time.AfterFunc(endWithin, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	_ = s.cmd.Wait() // the holder's own exit code says nothing
	if text := strings.TrimSpace(s.words.String()); text != "" && strings.Contains(text, "goroutine ") {
		return fmt.Errorf("the holder crashed:\n%s", text)
	}
	return nil
}
