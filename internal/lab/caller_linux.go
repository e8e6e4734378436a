package lab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// socketName is the abstract address of a lab of this user.
func socketName(lab string) string { return socketPrefix() + lab }

func socketPrefix() string { return fmt.Sprintf("@oneping-lab-%d-", os.Geteuid()) }

// NameTaken says that a lab of that name is up, and what to do.
func NameTaken(lab string) error {
	return hinted(fmt.Errorf("start lab: %q is up already", lab),
		"end it with: oneping lab down%s; or give this one a --name", nameFlag(lab))
}

func nameFlag(lab string) string {
	if lab == DefaultName {
		return ""
	}
	return " --name " + lab
}

// dial connects to a lab of this user. Anybody may listen on an abstract name,
// so the holder's owner is checked.
func dial(lab string) (*Conn, *unix.Ucred, error) {
	uc, err := net.DialUnix("unix", nil, &net.UnixAddr{Net: "unix", Name: socketName(lab)})
	if err != nil {
		return nil, nil, hinted(fmt.Errorf("there is no lab %q", lab), "start it with: oneping lab up%s; or name one that oneping lab status shows", nameFlag(lab))
	}
	c := NewConn(uc)
	cred, err := c.Peer()
	if err == nil && int(cred.Uid) != os.Geteuid() {
		err = fmt.Errorf("lab %q belongs to user %d", lab, cred.Uid)
	}
	if err != nil {
		return nil, nil, errors.Join(err, uc.Close())
	}
	return c, cred, nil
}

// ask sends a request and returns the answer that ends it.
func ask(lab string, req Request) (Reply, error) {
	c, _, err := dial(lab)
	if err != nil {
		return Reply{}, err
	}
	defer c.Close()
	if err := c.Send(req); err != nil {
		return Reply{}, err
	}
	return answer(c)
}

func answer(c *Conn) (Reply, error) {
	var r Reply
	files, err := c.Receive(&r)
	CloseAll(files)
	if err != nil {
		return Reply{}, fmt.Errorf("ask lab: %w", err)
	}
	return r, r.Err()
}

// GetStatus describes a lab.
func GetStatus(lab string) (Status, error) {
	c, cred, err := dial(lab)
	if err != nil {
		return Status{}, err
	}
	defer c.Close()
	if err := c.Send(Request{Op: OpStatus}); err != nil {
		return Status{}, err
	}
	r, err := answer(c)
	if err != nil {
		return Status{}, err
	}
	if r.Status == nil {
		return Status{}, errors.New("ask lab: no status in its answer")
	}
	r.Status.Holder = int(cred.Pid)
	return *r.Status, nil
}

// StopNode stops a node's role, with SIGTERM or at once; a host of the private
// subnet and a router lose their links instead.
func StopNode(lab, node string, kill bool) error {
	_, err := ask(lab, Request{Op: OpStop, Node: node, Kill: kill})
	return err
}

// StartNode undoes StopNode and returns when the node is ready.
func StartNode(lab, node string) error {
	_, err := ask(lab, Request{Op: OpStart, Node: node})
	return err
}

// Down ends a lab and returns when it is gone.
func Down(lab string) error {
	c, cred, err := dial(lab)
	if err != nil {
		return err
	}
	defer c.Close()
	process, err := unix.PidfdOpen(int(cred.Pid), 0)
	if err != nil {
		return fmt.Errorf("find holder %d of lab %q: %w", cred.Pid, lab, err)
	}
	defer unix.Close(process)
	if err := c.Send(Request{Op: OpDown}); err != nil {
		return err
	}
	if gone, err := awaitExit(process, endWithin); gone || err != nil {
		return err
	}
	if err := unix.PidfdSendSignal(process, unix.SIGKILL, nil, 0); err != nil {
		return fmt.Errorf("kill holder %d of lab %q: %w", cred.Pid, lab, err)
	}
	if gone, err := awaitExit(process, endWithin); !gone {
		return errors.Join(fmt.Errorf("lab %q: its holder %d does not end", lab, cred.Pid), err)
	}
	return nil
}

// awaitExit waits on a pidfd, which is readable once the process has ended. The
// kernel ends a PID namespace before its PID 1.
func awaitExit(process int, within time.Duration) (bool, error) {
	deadline := time.Now().Add(within)
	for {
		wait := max(0, time.Until(deadline))
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(process), Events: unix.POLLIN}}, int(wait.Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return n > 0, err
	}
}

// List returns the names of this user's labs, sorted.
func List() ([]string, error) {
	file, err := os.Open("/proc/net/unix")
	if err != nil {
		return nil, fmt.Errorf("list labs: %w", err)
	}
	defer file.Close()
	return parseUnixTable(file, socketPrefix())
}

// parseUnixTable reads the names of listening sockets with a prefix out of
// /proc/net/unix: Num RefCount Protocol Flags Type St Inode Path; flag 0x10000 listens.
func parseUnixTable(table io.Reader, prefix string) ([]string, error) {
	var names []string
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 8 || fields[3] != "00010000" {
			continue
		}
		if name, ok := strings.CutPrefix(fields[7], prefix); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), lines.Err()
}
