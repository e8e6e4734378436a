package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/oneping/oneping/internal/advice"
)

// lockName is the file in the data directory whose lock says that an edge uses
// it: a second embedded server on the same files would start without complaint.
const lockName = "lock"

// errLocked is what lockFile returns when another process holds the lock.
var errLocked = errors.New("locked")

// lock takes the data directory for this process. Closing the file, or the
// death of the process, gives it back.
func lock(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, &advice.Error{
			Text:   fmt.Sprintf("lock data directory: %v", err),
			Advice: "run as the user who owns " + dir + ", or pass another --state-dir",
			Cause:  err,
		}
	}
	if err := lockFile(f); err != nil {
		defer func() { _ = f.Close() }()
		if errors.Is(err, errLocked) {
			return nil, inUse(dir, f)
		}
		return nil, fmt.Errorf("lock data directory %s: %w", dir, err)
	}
	if err := sign(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock data directory %s: %w", dir, err)
	}
	return f, nil
}

// sign writes who holds the lock, for the one who finds it held.
func sign(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"+strings.Join(os.Args, " ")+"\n"), 0)
	return err
}

func inUse(dir string, f *os.File) error {
	b := make([]byte, 4096)
	n, _ := f.ReadAt(b, 0)
	who := "another process"
	if pid, command, ok := strings.Cut(strings.TrimSpace(string(b[:n])), "\n"); ok {
		who = "process " + pid + " (" + command + ")"
	}
	return &advice.Error{
		Text:   "data directory " + dir + " is in use by " + who,
		Advice: "stop that edge first, or give this one another --state-dir",
		Cause:  errLocked,
	}
}
