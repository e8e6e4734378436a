//go:build unix

package process

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestGiveToOwner: only root can give a directory away.
func TestGiveToOwner(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
	for _, path := range []string{outside, filepath.Join(dir, "secret"), filepath.Join(dir, "nats", "1.blk")} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, make := range map[string]func(from, to string) error{"hard": os.Link, "soft": os.Symlink} {
		if err := make(outside, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := GiveToOwner(dir); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		return
	}
	if err := os.Chown(dir, 1000, 1000); err != nil {
		t.Fatal(err)
	}
	if err := GiveToOwner(dir); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]uint32{dir + "/secret": 1000, dir + "/nats": 1000, dir + "/nats/1.blk": 1000, dir + "/soft": 1000, outside: 0} {
		fi, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if st := fi.Sys().(*syscall.Stat_t); st.Uid != want || st.Gid != want {
			t.Errorf("%s belongs to %d:%d, want %d", path, st.Uid, st.Gid, want)
		}
	}
}
