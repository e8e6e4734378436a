package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// LogCommand is the command that shows a node's log inside its lab.
func LogCommand(node string, follow bool) []string {
	argv := []string{"oneping", "lab", "tail", LogPath(node)}
	if follow {
		argv = append(argv, "--follow")
	}
	return argv
}

// Tail is the hidden command `lab tail`: it writes a log to out and, if asked
// to follow, what is added to it until ctx ends.
func Tail(ctx context.Context, path string, follow bool, out io.Writer) error {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("show log: nothing was ever started there")
	}
	if err != nil {
		return fmt.Errorf("show log: %w", err)
	}
	defer file.Close()
	if !follow {
		_, err = io.Copy(out, file)
		return err
	}
	changes, err := watchFile(path)
	if err != nil {
		return err
	}
	defer changes.Close()
	stop := context.AfterFunc(ctx, func() { _ = changes.Close() })
	defer stop()
	buf := make([]byte, 4096)
	for {
		if _, err := io.Copy(out, file); err != nil {
			return err
		}
		if _, err := changes.Read(buf); err != nil {
			return ctx.Err()
		}
	}
}

// watchFile returns a file that becomes readable when path is written to.
func watchFile(path string) (*os.File, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch log: %w", err)
	}
	if _, err := unix.InotifyAddWatch(fd, path, unix.IN_MODIFY); err != nil {
		return nil, errors.Join(fmt.Errorf("watch log: %w", err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "inotify"), nil
}
