//go:build unix

package edge

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/oneping/oneping/edge/state"
)

// Root restores a service's directory, too, and each file is that user's afterwards.
func TestBackupRestoredByRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		return // nobody else may write there
	}
	_, file := backedUp(t)
	b, err := ReadBackup(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := idle(t, dir).RestoreBackup(t.Context(), b, state.Restore{}); err != nil {
		t.Fatal(err)
	}
	if err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, _ error) error { return os.Chown(path, 1000, 1000) }); err != nil {
		t.Fatal(err)
	}
	if _, err := idle(t, dir).RestoreBackup(t.Context(), b, state.Restore{Replace: true}); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
		fi, err := d.Info()
		if err == nil && fi.Sys().(*syscall.Stat_t).Uid != 1000 {
			t.Errorf("%s is root's", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
