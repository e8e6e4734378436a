package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/oneping/oneping/internal/advice"
)

const (
	// keptFree is what a state directory wants free on its file system, in bytes: what a store that
	// tidies up writes at once. Of a small file system it is that part of the whole.
	keptFree     = 4 << 20
	keptFreePart = 8
	// tryBytes is what TryWrite writes: more than one block of any file system.
	tryBytes = 64 << 10
)

// space is what a system says of the file system of a directory.
type space struct {
	total, free uint64 // bytes; total is 0 where the file system does not say
	noInodes    bool   // no file can be made, whatever is free
	readOnly    bool
}

// lack returns what of it keeps n bytes from being written in a state directory, nil where nothing does.
func (s space) lack(n uint64) error {
	switch {
	case s.readOnly:
		return syscall.EROFS
	case s.noInodes, s.total > 0 && s.free < s.kept()+n:
		return syscall.ENOSPC
	}
	return nil
}

// kept returns how many bytes are wanted free.
func (s space) kept() uint64 { return min(keptFree, s.total/keptFreePart) }

// Room says whether n bytes can be written in a state directory as far as its file system tells: nil,
// or what NoRoom makes of it. It costs one system call. Where the system does not say, there is room.
func Room(dir string, n int) error {
	s, err := spaceOf(dir)
	if err != nil {
		return nil
	}
	if err := s.lack(uint64(max(n, 0))); err != nil {
		return NoRoom(dir, err)
	}
	return nil
}

// TryWrite says whether a state directory can be written by writing there: nil, or what NoRoom makes
// of the failure. It finds what Room cannot: a quota, a disk that fails.
func TryWrite(dir string) error {
	if err := Room(dir, 0); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".try.*")
	if err != nil {
		return NoRoom(dir, err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(make([]byte, tryBytes))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return NoRoom(dir, err)
	}
	return nil
}

// NoRoom says in words why a state directory could not be written, and what to do about it. The
// cause can be found in it (errors.Is).
func NoRoom(dir string, cause error) error {
	text, hint := "write in "+dir+": "+reason(cause).Error(), "does "+dir+" exist, and may this user write there?"
	switch {
	case isFull(cause):
		text = "no space left in " + dir
		hint = "make room on its file system" + figures(dir) + "; what waits for it goes on by itself then"
	case errors.Is(cause, syscall.EDQUOT):
		text = "the disk quota is used up in " + dir
		hint = "make room there, or raise the quota of this user; what waits for it goes on by itself then"
	case errors.Is(cause, syscall.EROFS):
		text = dir + " is on a file system that is read-only"
		hint = "see why (dmesg), and make it writable: mount -o remount,rw; what waits for it goes on by itself then"
	case errors.Is(cause, syscall.EIO):
		text = "the disk fails in " + dir + ": input/output error"
		hint = "see what the kernel says (dmesg), and copy the directory elsewhere while it can be read"
	case errors.Is(cause, fs.ErrPermission):
		hint = "run as the user who owns " + dir + ", or give it back to that user"
	}
	return &advice.Error{Text: text, Advice: hint, Cause: cause}
}

// Full says whether err is that a file system has no room for more, for this user at least: what a
// role could not write for it, it can write later.
func Full(err error) bool { return isFull(err) || errors.Is(err, syscall.EDQUOT) }

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, diskFull) }

// figures says how much is free, in parentheses, where the system tells.
func figures(dir string) string {
	const mib = 1 << 20
	s, err := spaceOf(dir)
	switch {
	case err != nil || s.total == 0:
		return ""
	case s.noInodes:
		return fmt.Sprintf(" (df -i %s): no more files can be made", dir)
	}
	return fmt.Sprintf(" (df %s): %.1f of %.1f MiB are free, %.1f are wanted", dir,
		float64(s.free)/mib, float64(s.total)/mib, float64(s.kept())/mib)
}

// reason returns the error of the system call in err, without the name of a temporary file.
func reason(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}
