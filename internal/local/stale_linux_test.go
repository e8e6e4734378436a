package local

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/oneping/oneping/internal/advice"
)

// TestABusySocketIsKept: a process whose queue of connections is full is alive.
func TestABusySocketIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), SocketName)
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(fd) }()
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	for err == nil { // until the queue is full
		var c net.Conn
		if c, err = net.Dial("unix", path); err == nil {
			defer func() { _ = c.Close() }()
		}
	}
	if !errors.Is(err, syscall.EAGAIN) {
		t.Fatalf("a full queue: %v, want EAGAIN", err)
	}
	if ln, err := Listen(path); err == nil {
		_ = ln.Close()
		t.Error("the socket of a living process was replaced")
	} else if !errors.Is(err, syscall.EAGAIN) || advice.Of(err) == "" {
		t.Errorf("%v, hint %q", err, advice.Of(err))
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}
