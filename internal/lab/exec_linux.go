package lab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/term"
)

// drainFor is how long a terminal is read after its command has ended: what the
// command wrote is in the kernel already.
const drainFor = 200 * time.Millisecond

// Exec runs a command in a node with the given streams and this process's
// environment and directory. It returns when the command has ended, nil for
// code 0 and an *ExitError otherwise. On a terminal the command gets a fresh
// one. SIGINT, TERM, HUP, QUIT, USR1 and USR2 go to the command.
func Exec(lab string, cmd Command) error {
	c, _, err := dial(lab)
	if err != nil {
		return err
	}
	defer c.Close()
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2)
	defer signal.Stop(signals)
	master, err := requestExec(c, cmd)
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	var forwarding sync.WaitGroup
	forwarding.Go(func() { forwardSignals(c, signals, ended) })
	code, err := await(c, cmd, master)
	close(ended)
	forwarding.Wait()
	if err == nil && code != 0 {
		err = &ExitError{Code: code}
	}
	return err
}

// requestExec has the command started; it returns the terminal, if one was made.
func requestExec(c *Conn, cmd Command) (*os.File, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("find working directory: %w", err)
	}
	req := Request{Op: OpExec, Node: cmd.Node, Argv: cmd.Argv, Dir: dir, Env: os.Environ()}
	files := []*os.File{cmd.Stdin, cmd.Stdout, cmd.Stderr}
	if ownsTerminal(cmd) {
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		defer null.Close()
		for i, f := range files {
			if term.IsTerminal(f) {
				req.Terminal[i], files[i] = true, null
			}
		}
		if size, err := pty.GetsizeFull(cmd.Stdin); err == nil {
			req.Rows, req.Cols = size.Rows, size.Cols
		}
	}
	if err := c.Send(req, files...); err != nil {
		return nil, fmt.Errorf("ask lab: %w", err)
	}
	var started Reply
	passed, err := c.Receive(&started)
	if err != nil {
		return nil, fmt.Errorf("ask lab: %w", err)
	}
	if err := started.Err(); err != nil {
		CloseAll(passed)
		return nil, err
	}
	if len(passed) != 1 {
		CloseAll(passed)
		return nil, nil
	}
	return pollable(passed[0])
}

// ownsTerminal reports whether the command talks to a person: input and output
// are a terminal in whose foreground we are. In a pipeline the command gets the
// descriptors as they are, because raw mode would garble its neighbours.
func ownsTerminal(cmd Command) bool {
	if !term.IsTerminal(cmd.Stdin) || !term.IsTerminal(cmd.Stdout) {
		return false
	}
	group, err := unix.IoctlGetInt(int(cmd.Stdin.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// pollable reopens a received descriptor so that reads can be interrupted.
func pollable(f *os.File) (*os.File, error) {
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("duplicate terminal: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "terminal"), nil
}

func forwardSignals(c *Conn, signals <-chan os.Signal, ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case sig := <-signals:
			if number, ok := sig.(syscall.Signal); ok {
				// A lab that is gone is noticed where its answer is read.
				_ = c.Send(Signal{Signal: int(number)})
			}
		}
	}
}

// await returns the command's exit code; a terminal is pumped meanwhile.
func await(c *Conn, cmd Command, master *os.File) (int, error) {
	if master == nil {
		return awaitCode(c)
	}
	defer master.Close()
	restore, err := term.Raw(cmd.Stdin)
	if err != nil {
		return 0, err
	}
	defer restore()
	stopInput, err := pumpInput(master, cmd.Stdin)
	if err != nil {
		return 0, err
	}
	defer stopInput()
	defer followSize(master, cmd.Stdin)()
	output := make(chan struct{})
	go func() {
		defer close(output)
		_, _ = io.Copy(cmd.Stdout, master) // ends with EIO when the last user closes it
	}()
	code, err := awaitCode(c)
	_ = master.SetReadDeadline(time.Now().Add(drainFor))
	<-output
	return code, err
}

func awaitCode(c *Conn) (int, error) {
	r, err := answer(c)
	if err != nil {
		return 0, fmt.Errorf("the lab ended before the command: %w", err)
	}
	if r.Exit == nil {
		return 0, errors.New("ask lab: no exit code in its answer")
	}
	return *r.Exit, nil
}

// followSize keeps the size of the command's terminal that of ours until the
// returned function is called.
func followSize(master, terminal *os.File) (stop func()) {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, unix.SIGWINCH)
	var following sync.WaitGroup
	following.Go(func() {
		for range changed {
			_ = pty.InheritSize(terminal, master)
		}
	})
	return func() {
		signal.Stop(changed)
		close(changed)
		following.Wait()
	}
}

// pumpInput copies what is typed until the returned function is called. A
// terminal cannot be read with a deadline, so a pipe wakes the reader.
func pumpInput(master, terminal *os.File) (stop func(), err error) {
	wakeRead, wakeWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	var pumping sync.WaitGroup
	pumping.Go(func() { copyInput(master, int(terminal.Fd()), int(wakeRead.Fd())) })
	return func() {
		_ = wakeWrite.Close()
		pumping.Wait()
		_ = wakeRead.Close()
	}, nil
}

func copyInput(master *os.File, terminal, wake int) {
	buf := make([]byte, 4096)
	for {
		fds := []unix.PollFd{{Fd: int32(terminal), Events: unix.POLLIN}, {Fd: int32(wake), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); errors.Is(err, unix.EINTR) {
			continue
		} else if err != nil || fds[1].Revents != 0 {
			return
		}
		n, err := unix.Read(terminal, buf)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) {
			continue
		}
		if err != nil || n <= 0 {
			return
		}
		if _, err := master.Write(buf[:n]); err != nil {
			return
		}
	}
}
