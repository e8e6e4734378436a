package holder

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/term"

	"github.com/oneping/oneping/internal/lab"
)

// command is a process to start in a node.
type command struct {
	argv  []string
	dir   string
	env   []string
	files [3]*os.File // standard input, output, error; nil is /dev/null
	extra []*os.File  // descriptors 3, 4, …
	// terminal makes the process the leader of a session whose controlling
	// terminal is its first terminal descriptor; otherwise it leads a group.
	terminal bool
}

// spawner starts processes in nodes.
type spawner struct {
	reaper *reaper
	null   *os.File
}

func newSpawner(r *reaper) (*spawner, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &spawner{reaper: r, null: null}, nil
}

// start returns the process id and a channel that receives the exit status.
func (s *spawner) start(ns *namespace, c command) (int, <-chan syscall.WaitStatus, error) {
	path, err := findProgram(c.argv[0], c.dir, c.env)
	if err != nil {
		return 0, nil, err
	}
	attr := &syscall.ProcAttr{Dir: c.dir, Env: c.env, Sys: &syscall.SysProcAttr{Setpgid: !c.terminal}}
	for i, f := range c.files {
		if f == nil {
			f = s.null
		} else if c.terminal && !attr.Sys.Setctty && term.IsTerminal(f) {
			attr.Sys.Setsid, attr.Sys.Setctty, attr.Sys.Ctty = true, true, i
		}
		attr.Files = append(attr.Files, f.Fd())
	}
	for _, f := range c.extra {
		attr.Files = append(attr.Files, f.Fd())
	}
	var pid int
	var exited <-chan syscall.WaitStatus
	err = ns.do(func() (err error) {
		pid, exited, err = s.reaper.start(func() (int, error) { return syscall.ForkExec(path, c.argv, attr) })
		return err
	})
	if err != nil {
		return 0, nil, fmt.Errorf("start %s: %w", c.argv[0], startError(err, c.dir))
	}
	return pid, exited, nil
}

// errNoDir is that the directory is not there in which a program was to start.
var errNoDir = errors.New("working directory")

// startError tells a missing working directory from a missing program.
func startError(err error, dir string) error {
	if errors.Is(err, syscall.ENOENT) && dir != "" {
		if _, stat := os.Stat(dir); stat != nil {
			return fmt.Errorf("%w %s: %w", errNoDir, dir, err)
		}
	}
	return err
}

// findProgram looks name up in the PATH of env, as a shell in the node would.
func findProgram(name, dir string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		if err := executable(name); err != nil {
			return "", err
		}
		return name, nil
	}
	for _, entry := range filepath.SplitList(lookupEnv(env, "PATH")) {
		if path := filepath.Join(entry, name); filepath.IsAbs(path) && executable(path) == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("start %s: %w", name, exec.ErrNotFound)
}

func executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return &os.PathError{Op: "start", Path: path, Err: syscall.EISDIR}
	}
	if err := unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS); err != nil {
		return &os.PathError{Op: "start", Path: path, Err: err}
	}
	return nil
}

func lookupEnv(env []string, name string) string {
	for _, entry := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// nodeEnv is a caller's environment as it should be in a node: this binary
// first in the path, the administrator's directories last, the node's state.
func nodeEnv(env []string, name, node string) []string {
	path := filepath.Join(lab.Dir, "bin") + ":" + lookupEnv(env, "PATH")
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		if !slices.Contains(strings.Split(path, ":"), dir) {
			path += ":" + dir
		}
	}
	own := []string{
		"PATH=" + path,
		"ONEPING_LAB=" + name,
		"ONEPING_LAB_NODE=" + node,
		"ONEPING_STATE_DIR=" + filepath.Join(lab.Dir, node),
	}
	kept := slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		key, _, _ := strings.Cut(entry, "=")
		return key == "PATH" || strings.HasPrefix(key, "ONEPING_LAB") || key == "ONEPING_STATE_DIR" ||
			key == "NOTIFY_SOCKET" || key == "RUNTIME_DIRECTORY" || key == "ONEPING_TOKEN"
	})
	return append(kept, own...)
}

// stateDir is where a node's role keeps its state, inside the lab: the default
// directory of that role there (nodeEnv).
func stateDir(n *lab.Node) string { return filepath.Join(lab.Dir, n.Name, roleOf(n.Kind)) }

// roleOf is the role that a kind of node runs, "" for none.
func roleOf(kind lab.Kind) string {
	switch kind {
	case lab.KindEdge:
		return "edge"
	case lab.KindConnector:
		return "connector"
	case lab.KindLaptop:
		return "client"
	}
	return ""
}
