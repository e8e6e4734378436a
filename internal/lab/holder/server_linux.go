package holder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/creack/pty"

	"github.com/oneping/oneping/internal/lab"
)

// hangupGrace is how long a command may tidy up after its caller died.
const hangupGrace = 2 * time.Second

// accept serves the lab's socket for as long as the holder lives.
func (h *holder) accept(ctx context.Context) {
	for {
		c, err := h.listener.AcceptUnix()
		if err != nil {
			return
		}
		go h.serve(ctx, lab.NewConn(c))
	}
}

// serve answers one request. Only the lab's owner is answered: inside the lab
// that is root, with a user namespace or without.
func (h *holder) serve(ctx context.Context, c *lab.Conn) {
	defer c.Close()
	if cred, err := c.Peer(); err != nil || int(cred.Uid) != os.Getuid() {
		_ = c.Send(lab.Reply{Error: "this lab belongs to another user"})
		return
	}
	var req lab.Request
	files, err := c.Receive(&req)
	if err != nil {
		return
	}
	defer lab.CloseAll(files)
	if err := h.handle(ctx, c, req, files); err != nil {
		_ = c.Send(lab.Failure(err))
	}
}

func (h *holder) handle(ctx context.Context, c *lab.Conn, req lab.Request, files []*os.File) error {
	switch req.Op {
	case lab.OpStatus:
		status := h.status()
		return c.Send(lab.Reply{Status: &status})
	case lab.OpDown:
		_ = c.Send(lab.Reply{})
		os.Exit(0)
	case lab.OpStop, lab.OpStart:
		if err := h.setNode(ctx, req); err != nil {
			return err
		}
		return c.Send(lab.Reply{})
	case lab.OpExec:
		return h.exec(c, req, files)
	}
	return fmt.Errorf("unknown request %q: is this lab of another version of oneping?", req.Op)
}

func (h *holder) node(name string) (*lab.Node, error) {
	if node, ok := h.network.topology.Node(name); ok {
		return node, nil
	}
	names := make([]string, len(h.network.topology.Nodes))
	for i, node := range h.network.topology.Nodes {
		names[i] = node.Name
	}
	return nil, fmt.Errorf("no node %q: there are %s", name, strings.Join(names, ", "))
}

// setNode stops or starts a node: its role if it has one, else its links.
func (h *holder) setNode(ctx context.Context, req lab.Request) error {
	node, err := h.node(req.Node)
	if err != nil {
		return err
	}
	role, ok := h.cast.roles[node.Name]
	switch {
	case ok && req.Op == lab.OpStart:
		if err := role.start(ctx); err != nil || node.Kind != lab.KindEdge {
			return err
		}
		h.awaitLinks(ctx, node)
		return nil
	case ok:
		return role.stop(req.Kill)
	}
	return h.network.setLinks(*node, req.Op == lab.OpStart)
}

// exec runs a command in a node until it ends; if the caller goes first, the
// command is ended.
func (h *holder) exec(c *lab.Conn, req lab.Request, files []*os.File) error {
	node, err := h.node(req.Node)
	if err != nil {
		return err
	}
	if len(files) != 3 || len(req.Argv) == 0 {
		return errors.New("exec: want a command and three descriptors")
	}
	cmd := command{argv: req.Argv, dir: req.Dir, env: nodeEnv(req.Env, h.charter.Options.Name, node.Name)}
	copy(cmd.files[:], files)
	var master []*os.File
	if req.WantsTerminal() {
		terminal, slave, err := openTerminal(req)
		if err != nil {
			return err
		}
		defer slave.Close()
		defer terminal.Close()
		master, cmd.terminal = []*os.File{terminal}, true
		for i, wanted := range req.Terminal {
			if wanted {
				cmd.files[i] = slave
			}
		}
	}
	pid, exited, err := h.spawn.start(h.network.spaces[node.Name], cmd)
	if err != nil {
		return c.Send(notStarted(err, req.Argv[0]))
	}
	// From here on nothing of the caller's may stay open in the holder: a reader of a
	// pipe waits for all of its writers.
	sent := c.Send(lab.Reply{}, master...)
	lab.CloseAll(slices.Concat(files, master, cmd.files[:]))
	code := h.attend(c, pid, exited, sent != nil)
	return c.Send(lab.Reply{Exit: &code})
}

func openTerminal(req lab.Request) (master, slave *os.File, err error) {
	master, slave, err = pty.Open()
	if err != nil {
		return nil, nil, fmt.Errorf("open terminal: %w", err)
	}
	size := &pty.Winsize{Rows: req.Rows, Cols: req.Cols}
	if req.Rows != 0 && req.Cols != 0 {
		if err := pty.Setsize(master, size); err != nil {
			lab.CloseAll([]*os.File{master, slave})
			return nil, nil, fmt.Errorf("set terminal size: %w", err)
		}
	}
	return master, slave, nil
}

// attend forwards the caller's signals and returns the command's exit code.
func (h *holder) attend(c *lab.Conn, pid int, exited <-chan syscall.WaitStatus, gone bool) int {
	signals := make(chan syscall.Signal)
	done := make(chan struct{})
	defer close(done)
	if !gone {
		go receiveSignals(c, signals, done)
	} else {
		close(signals)
	}
	var kill <-chan time.Time
	for {
		select {
		case status := <-exited:
			return exitCode(status)
		case sig, open := <-signals:
			if open {
				h.spawn.reaper.signal(pid, sig, true)
				continue
			}
			signals = nil
			h.spawn.reaper.signal(pid, syscall.SIGHUP, true)
			h.spawn.reaper.signal(pid, syscall.SIGTERM, true)
			timer := time.NewTimer(hangupGrace)
			defer timer.Stop()
			kill = timer.C
		case <-kill:
			h.spawn.reaper.signal(pid, syscall.SIGKILL, true)
		}
	}
}

// receiveSignals closes signals when the caller is gone. It ends at the latest
// when the connection is closed.
func receiveSignals(c *lab.Conn, signals chan<- syscall.Signal, done <-chan struct{}) {
	defer close(signals)
	for {
		var req lab.Signal
		if files, err := c.Receive(&req); err != nil {
			return
		} else {
			lab.CloseAll(files)
		}
		select {
		case signals <- syscall.Signal(req.Signal):
		case <-done:
			return
		}
	}
}
