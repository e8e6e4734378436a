package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

// lockName is the file in a state directory whose lock says that a process uses it.
const lockName = "lock"

// ErrInUse is found (errors.Is) in what LockDir returns when another process holds the lock.
var ErrInUse = errors.New("locked")

// LockDir takes a state directory for this process, so that no second one of its
// role works with the same files. Closing the file, or the death of the process,
// gives it back.
func LockDir(dir string, role proto.Role) (*os.File, error) {
	path := filepath.Join(dir, lockName)
	f, err := openLock(path)
	if Full(err) {
		return nil, fmt.Errorf("lock %s: %w", directoryOf(role), NoRoom(dir, err))
	}
	if err != nil {
		return nil, &advice.Error{
			Text:   fmt.Sprintf("lock %s: %v", directoryOf(role), err),
			Advice: "run as the user who owns " + dir + ", or pass another --state-dir",
			Cause:  err,
		}
	}
	if err := lockFile(f); err != nil {
		defer func() { _ = f.Close() }()
		if errors.Is(err, ErrInUse) {
			return nil, inUse(dir, role, f)
		}
		return nil, fmt.Errorf("lock %s %s: %w", directoryOf(role), dir, err)
	}
	sign(f)
	return f, nil
}

// openLock opens the file of the lock. One that is there can be locked on a read-only file system, too.
func openLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, syscall.EROFS) {
		return os.Open(path)
	}
	return f, err
}

// sign writes who holds the lock, for the one who finds it held. Where the disk is full or read-only
// that one is told a wrong name or none: no reason not to run. The file keeps its block: it is cut
// last.
func sign(f *os.File) {
	who := []byte(strconv.Itoa(os.Getpid()) + "\n" + strings.Join(os.Args, " ") + "\n")
	if n, err := f.WriteAt(who, 0); err == nil {
		_ = f.Truncate(int64(n))
	}
}

// inUse names the holder of the lock.
func inUse(dir string, role proto.Role, f *os.File) error {
	b := make([]byte, 4096)
	n, _ := f.ReadAt(b, 0)
	who := "another process"
	if pid, command, ok := strings.Cut(strings.TrimSpace(string(b[:n])), "\n"); ok {
		who = "process " + pid + " (" + command + ")"
	}
	return &advice.Error{
		Text:   directoryOf(role) + " " + dir + " is in use by " + who,
		Advice: "stop that " + string(role) + " first, or give this one another --state-dir",
		Cause:  ErrInUse,
	}
}

// directoryOf names the state directory of a role as people know it: the edge's
// holds the data of everybody.
func directoryOf(role proto.Role) string {
	if role == proto.RoleEdge {
		return "data directory"
	}
	return "state directory"
}
