package process

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// WriteFile makes or replaces a file: whoever reads it, also after a power cut,
// finds the old contents or the new, whole.
func WriteFile(path string, b []byte, mode fs.FileMode) error { return place(path, b, mode, os.Rename) }

// WriteNewFile is WriteFile where the file must not be there yet: then it fails
// with fs.ErrExist.
func WriteNewFile(path string, b []byte, mode fs.FileMode) error {
	return place(path, b, mode, os.Link)
}

// place writes b to a file beside path and lets put bring it there.
func place(path string, b []byte, mode fs.FileMode, put func(from, to string) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already where it was renamed
	_, err = f.Write(b)
	if err := errors.Join(err, chmod(f, mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return put(f.Name(), path)
}

// chmod sets the mode of a new file, which is 0600.
func chmod(f *os.File, mode fs.FileMode) error {
	if mode == 0o600 {
		return nil
	}
	return f.Chmod(mode)
}

// Unwritable says whether err is that a directory cannot be written here, as
// opposed to a fault of the disk: a role that can live in memory goes on.
func Unwritable(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) ||
		errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
