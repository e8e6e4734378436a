package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/oneping/oneping/internal/advice"
)

// What a file system says of itself, and what keeps a directory in it from being written.
func TestLack(t *testing.T) {
	const mib = 1 << 20
	for name, c := range map[string]struct {
		s    space
		want error
	}{
		"nothing is known":              {space{}, nil},
		"plenty":                        {space{total: 100 * mib, free: 50 * mib}, nil},
		"just what is wanted":           {space{total: 100 * mib, free: 4 * mib}, nil},
		"a byte less":                   {space{total: 100 * mib, free: 4*mib - 1}, syscall.ENOSPC},
		"full":                          {space{total: 100 * mib}, syscall.ENOSPC},
		"a small one, an eighth free":   {space{total: 8 * mib, free: mib}, nil},
		"a small one, less":             {space{total: 8 * mib, free: mib - 1}, syscall.ENOSPC},
		"no inodes":                     {space{total: 100 * mib, free: 50 * mib, noInodes: true}, syscall.ENOSPC},
		"read-only":                     {space{total: 100 * mib, free: 50 * mib, readOnly: true}, syscall.EROFS},
		"read-only, as its disk failed": {space{readOnly: true, noInodes: true}, syscall.EROFS},
	} {
		if got := c.s.lack(0); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	some := space{total: 100 * mib, free: 5 * mib}
	if some.lack(mib) != nil || some.lack(mib+1) != syscall.ENOSPC {
		t.Error("what is to be written does not count")
	}
}

// Every way in which a disk says no has words and something to do; the cause stays in it.
func TestNoRoomSaysWhy(t *testing.T) {
	for _, c := range []struct {
		cause      error
		text, hint string // the beginnings
		full       bool
	}{
		{syscall.ENOSPC, "no space left in DIR", "make room on its file system", true},
		{syscall.EDQUOT, "the disk quota is used up in DIR", "make room there, or raise the quota", true},
		{syscall.EROFS, "DIR is on a file system that is read-only", "see why (dmesg), and make it writable", false},
		{syscall.EIO, "the disk fails in DIR: input/output error", "see what the kernel says (dmesg)", false},
		{syscall.EACCES, "write in DIR: permission denied", "run as the user who owns DIR", false},
		{syscall.ENOENT, "write in DIR: no such file or directory", "does DIR exist", false},
		{errors.New("strange"), "write in DIR: strange", "does DIR exist", false},
	} {
		cause := fmt.Errorf("keep: %w", &fs.PathError{Op: "write", Path: "DIR/.try.123", Err: c.cause})
		if c.text == "write in DIR: strange" {
			cause = c.cause
		}
		dir := filepath.Join(t.TempDir(), "dir")
		err := NoRoom(dir, cause)
		text, hint := strings.ReplaceAll(err.Error(), dir, "DIR"), strings.ReplaceAll(advice.Of(err), dir, "DIR")
		if text != c.text || !strings.HasPrefix(hint, c.hint) || !errors.Is(err, c.cause) || Full(err) != c.full {
			t.Errorf("%v: %q, hint %q, full %v", c.cause, text, hint, Full(err))
		}
	}
}

// TryWrite leaves nothing behind, and says what is wrong with a directory that is not there.
func TestTryWrite(t *testing.T) {
	dir := t.TempDir()
	if err := TryWrite(dir); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	if err := TryWrite(filepath.Join(dir, "gone")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that does not exist: %v", err)
	}
	if err := Room(filepath.Join(dir, "gone"), 0); err != nil {
		t.Errorf("where the system says nothing: %v", err)
	}
}
