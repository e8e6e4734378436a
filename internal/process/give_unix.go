//go:build unix

package process

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// GiveToOwner gives what root has made in a state directory to the directory's owner: a service that
// runs as that user could not read it, and systemd looks at the owner of the directory alone. Whoever
// is not root has nothing to give. Nothing outside the directory is touched, whatever its owner puts
// there meanwhile, and no file that has a second name.
func GiveToOwner(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("look at state directory: %w", err)
	}
	defer func() { _ = root.Close() }()
	fi, err := root.Stat(".")
	if err != nil {
		return fmt.Errorf("look at state directory: %w", err)
	}
	owner, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || owner.Uid == 0 {
		return nil
	}
	return fs.WalkDir(root.FS(), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := root.Lstat(path)
		if err != nil {
			return err
		}
		if st, ok := fi.Sys().(*syscall.Stat_t); !ok || st.Uid != 0 || !fi.IsDir() && st.Nlink > 1 {
			return nil
		}
		return root.Lchown(path, int(owner.Uid), int(owner.Gid))
	})
}
