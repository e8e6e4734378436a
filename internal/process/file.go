package process

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/oneping/oneping/internal/advice"
)

// ErrNoFile is found in what Open and ReadFile return where there is something, and no regular file.
var ErrNoFile = errors.New("not a file")

// ReadFile reads a file that a role keeps or is given; see Open.
func ReadFile(path string) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(f)
}

// Open opens a file for reading. What is no regular file is not opened, but an error with advice: a
// FIFO would be waited for without end, and a device may be anything.
func Open(path string) (*os.File, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: bare(err)}
	}
	if !fi.Mode().IsRegular() {
		return nil, &advice.Error{
			Text:   "read " + path + ": it is " + kind(fi.Mode()) + ", not a file",
			Advice: "move " + path + " away, and put the file back from a backup where there is one",
			Cause:  ErrNoFile,
		}
	}
	return os.Open(path)
}

// WriteFile makes or replaces a file: whoever reads it, also after a power cut,
// finds the old contents or the new, whole. A symbolic link is followed and stays.
// What is no file (a device, a directory, a unit that is masked by a link to
// /dev/null) is not replaced: that is an error with advice.
func WriteFile(path string, b []byte, mode fs.FileMode) error {
	path, err := replaceable(path)
	if err != nil {
		return err
	}
	return place(path, b, mode, os.Rename)
}

// WriteNewFile is WriteFile where the file must not be there yet: then it fails
// with fs.ErrExist.
func WriteNewFile(path string, b []byte, mode fs.FileMode) error {
	return place(path, b, mode, os.Link)
}

// replaceable returns the path, without symbolic links, of a file that may be replaced or is not
// there yet.
func replaceable(path string) (string, error) {
	fi, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	if err != nil {
		return "", err
	}
	if fi.Mode()&fs.ModeSymlink != 0 {
		target, err := filepath.EvalSymlinks(path)
		if err != nil {
			return "", &advice.Error{
				Text:   "write " + path + ": a link that leads to no file: " + cause(err),
				Advice: "remove the link, or name the file itself",
				Cause:  err,
			}
		}
		path = target
		if fi, err = os.Lstat(path); err != nil {
			return "", err
		}
	}
	if !fi.Mode().IsRegular() {
		return "", &advice.Error{
			Text:   "write " + path + ": " + kind(fi.Mode()) + " is not replaced by a file",
			Advice: "move it away, or name another file",
		}
	}
	return path, nil
}

// kind says what there is in the place of a file.
func kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "what is no file"
}

// place writes b to a file beside path and lets put bring it there.
func place(path string, b []byte, mode fs.FileMode, put func(from, to string) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: bare(err)}
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already where it was renamed
	_, err = f.Write(b)
	if err := errors.Join(err, chmod(f, mode), f.Sync(), f.Close()); err != nil {
		return &fs.PathError{Op: "write", Path: path, Err: bare(err)}
	}
	return put(f.Name(), path)
}

// bare returns what an error says without the name of the file, which is one that nobody knows.
func bare(err error) error {
	if file, ok := errors.AsType[*fs.PathError](err); ok {
		return file.Err
	}
	return err
}

func cause(err error) string { return bare(err).Error() }

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
