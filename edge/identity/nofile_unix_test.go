//go:build unix

package identity

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/edge/state/journal"
	"github.com/oneping/oneping/internal/advice"
)

// What is no file is not opened, but named, with what to do: nobody may ever write into a FIFO.
func TestFilesThatAreNone(t *testing.T) {
	for _, name := range []string{keyFile, certFile, secretFile, journal.JournalFile, journal.SnapshotFile} {
		for kind, make := range map[string]func(string) error{
			"a FIFO":      func(path string) error { return unix.Mkfifo(path, 0o600) },
			"a device":    func(path string) error { return os.Symlink("/dev/zero", path) },
			"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
		} {
			dir, _ := knowing(t)
			path := filepath.Join(dir, name)
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			if err := make(path); err != nil {
				t.Fatal(err)
			}
			if name == journal.JournalFile || name == journal.SnapshotFile { // which are read where a file is lost
				if err := os.Remove(filepath.Join(dir, secretFile)); err != nil {
					t.Fatal(err)
				}
			}
			err := New(Config{Dir: dir}).Load()
			want, hint := "read "+path+": it is "+kind+", not a file", "move "+path+" away, and put the file back from a backup where there is one"
			if err == nil || err.Error() != want || advice.Of(err) != hint {
				t.Errorf("%s, %s: %v, hint %q", name, kind, err, advice.Of(err))
			}
		}
	}
}
