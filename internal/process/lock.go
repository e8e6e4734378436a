package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

// lockName is the file in a state directory whose lock says that a process uses it.
const lockName = "lock"

// ErrInUse is found (errors.Is) in what LockDir returns when another process holds the lock.
var ErrInUse = errors.New("locked")

// ErrNotOwner is found (errors.Is) in what refuses a directory or a file that belongs to another user.
var ErrNotOwner = errors.New("another user's")

const (
	// lockGrace is how long a lock is waited for that somebody holds: a process that was killed a
	// moment ago does not look like it yet.
	lockGrace = 300 * time.Millisecond
	// lockWait is how long it is waited for where the holder is dying: giving back what it has
	// takes a busy machine a while, and its TUN device and sockets go before its lock.
	lockWait  = 10 * time.Second
	lockEvery = 10 * time.Millisecond
)

// LockDir takes a state directory for this process, so that no second one of its
// role works with the same files. Closing the file, or the death of the process,
// gives it back; a process that is dying is waited for.
//
// Take it before anything else that may be in use: of a process that dies Linux gives back first what
// it opened last, so that whoever gets the lock finds the rest free.
func LockDir(dir string, role proto.Role) (*os.File, error) {
	path := filepath.Join(dir, lockName)
	f, err := openLock(path)
	if Full(err) {
		return nil, fmt.Errorf("lock %s: %w", directoryOf(role), NoRoom(dir, err))
	}
	if err != nil {
		return nil, &advice.Error{
			Text:   fmt.Sprintf("lock %s: %v", directoryOf(role), err),
			Advice: lockHint(dir, err),
			Cause:  err,
		}
	}
	if err := awaitLock(f); err != nil {
		defer func() { _ = f.Close() }()
		if errors.Is(err, ErrInUse) {
			return nil, inUse(dir, role, f)
		}
		return nil, fmt.Errorf("lock %s %s: %w", directoryOf(role), dir, err)
	}
	sign(f)
	return f, nil
}

// HasLock says whether a role has ever run on a state directory: it has left its lock there.
func HasLock(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, lockName))
	return !errors.Is(err, fs.ErrNotExist)
}

func lockHint(dir string, err error) string {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return "run as the user who owns " + dir + ", or pass another --state-dir"
	}
	return "move " + filepath.Join(dir, lockName) + " away: it is made anew and keeps nothing"
}

// awaitLock locks f. It waits for a holder that is dying.
func awaitLock(f *os.File) error {
	tick := time.NewTicker(lockEvery)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		err := lockFile(f)
		waited := time.Since(began)
		if !errors.Is(err, ErrInUse) || waited > lockWait {
			return err
		}
		if pid, _ := holder(f); waited > lockGrace && !dying(pid) {
			return err
		}
	}
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

// holder returns what the holder of the lock has written into it: its process id, 0 where there is
// none, and its command line.
func holder(f *os.File) (pid int, command string) {
	b := make([]byte, 4096)
	n, _ := f.ReadAt(b, 0)
	first, command, _ := strings.Cut(strings.TrimSpace(string(b[:n])), "\n")
	pid, _ = strconv.Atoi(first)
	return pid, command
}

// inUse names the holder of the lock.
func inUse(dir string, role proto.Role, f *os.File) error {
	who := "another process"
	if pid, command := holder(f); pid > 0 {
		who = fmt.Sprintf("process %d (%s)", pid, command)
		if dying(pid) {
			who += ", which was killed and does not end"
		}
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
