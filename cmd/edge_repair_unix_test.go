//go:build unix

package cmd

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// What root does for a service stays readable for that: each file is the owner's of the directory.
func TestEdgeRepairedByRoot(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "edge")
	oneping(t, "edge", "init", "--state-dir", dir)
	oneping(t, "edge", "rekey", "--state-dir", dir)
	if os.Geteuid() != 0 {
		return
	}
	for _, command := range []string{"rekey", "restore"} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, _ error) error { return os.Chown(path, 1000, 1000) })
		if err != nil {
			t.Fatal(err)
		}
		oneping(t, "edge", command, "--state-dir", dir)
		err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
			fi, err := d.Info()
			if err == nil && fi.Sys().(*syscall.Stat_t).Uid != 1000 {
				t.Errorf("%s: %s is root's", command, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
