//go:build unix

package process

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/advice"
)

// device makes a device node like one of /dev in a directory of the test. Who is not root cannot, and
// cannot harm /dev either: he gets a link to it.
func device(t *testing.T, name string, major, minor uint32) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	err := unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(major, minor)))
	if err != nil && os.Geteuid() != 0 {
		err = os.Symlink("/dev/"+name, path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// lstat returns the type and the inode of what is there.
func lstat(t *testing.T, path string) (fs.FileMode, fs.FileInfo) {
	t.Helper()
	fi, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return fi.Mode(), fi
}

// TestOutputThroughDevices: a device is written to and stays.
func TestOutputThroughDevices(t *testing.T) {
	for name, want := range map[string]error{"null": nil, "full": syscall.ENOSPC} {
		path := device(t, name, 1, map[string]uint32{"null": 3, "full": 7}[name])
		_, before := lstat(t, path)
		err := WriteOutput(t.Context(), path, []byte("secret"))
		if !errors.Is(err, want) || err != nil && advice.Of(err) == "" {
			t.Errorf("%s: %v, hint %q", name, err, advice.Of(err))
		}
		if _, after := lstat(t, path); !os.SameFile(before, after) || after.Mode() != before.Mode() {
			t.Errorf("%s is now %v, was %v", name, after.Mode(), before.Mode())
		}
		if all, _ := os.ReadDir(filepath.Dir(path)); len(all) != 1 {
			t.Errorf("left behind: %v", all)
		}
		if err := WriteFile(path, []byte("x"), 0o600); err == nil || !strings.HasSuffix(err.Error(), ": a device is not replaced by a file") {
			t.Errorf("WriteFile over %s: %v", name, err)
		}
	}
}

// TestOutputThroughFIFO waits for the reader, or for the end.
func TestOutputThroughFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := WriteOutput(ctx, path, []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("without a reader: %v", err)
	}
	long := bytes.Repeat([]byte("secret"), 1<<15) // more than a pipe holds
	done := make(chan error, 1)
	go func() { done <- WriteOutput(t.Context(), path, long) }()
	got, err := os.ReadFile(path)
	if err := errors.Join(err, <-done); err != nil || !bytes.Equal(got, long) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if mode, _ := lstat(t, path); mode&fs.ModeNamedPipe == 0 {
		t.Errorf("it is now %v", mode)
	}
}

// TestOutputThroughSocket writes to who listens; nobody is an error.
func TestOutputThroughSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	got := make(chan string, 1)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			got <- err.Error()
			return
		}
		b, _ := io.ReadAll(c)
		got <- string(b)
	}()
	if err := WriteOutput(t.Context(), path, []byte("secret")); err != nil {
		t.Error(err)
	}
	if text := <-got; text != "secret" {
		t.Errorf("%q arrived", text)
	}
	_ = ln.Close()
	if err := WriteOutput(t.Context(), path, []byte("x")); !errors.Is(err, syscall.ECONNREFUSED) || advice.Of(err) == "" {
		t.Errorf("nobody listens: %v", err)
	}
	if mode, _ := lstat(t, path); mode&fs.ModeSocket == 0 {
		t.Errorf("it is now %v", mode)
	}
}

// TestOutputFollowsLinks: the file is replaced, the link stays; one that leads nowhere, and a directory,
// are refused.
func TestOutputFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	file, link, loose := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "loose")
	if err := errors.Join(os.WriteFile(file, []byte("old"), 0o644), os.Symlink("file", link), os.Symlink("nowhere", loose)); err != nil {
		t.Fatal(err)
	}
	if err := WriteOutput(t.Context(), link, []byte("new")); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	mode, _ := lstat(t, file)
	if linkMode, _ := lstat(t, link); err != nil || string(b) != "new" || mode != 0o600 || linkMode&fs.ModeSymlink == 0 {
		t.Errorf("%q, file %v, link %v, %v", b, mode, linkMode, err)
	}
	for path, want := range map[string]string{
		loose:                             "write " + loose + ": a link that leads to no file: no such file or directory",
		dir:                               "write " + dir + ": a directory is not replaced by a file",
		filepath.Join(dir, "no", "token"): "open " + filepath.Join(dir, "no", "token") + ": no such file or directory",
		filepath.Join(file, "token"):      "lstat " + filepath.Join(file, "token") + ": not a directory",
	} {
		if err := WriteOutput(t.Context(), path, []byte("x")); err == nil || err.Error() != want || advice.Of(err) == "" {
			t.Errorf("%v, want %s; hint %q", err, want, advice.Of(err))
		}
	}
	if all, _ := os.ReadDir(dir); len(all) != 3 {
		t.Errorf("left behind: %v", all)
	}
}

// TestOutputHints names what is in the way, and not what would not help.
func TestOutputHints(t *testing.T) {
	full := device(t, "full", 1, 7)
	file := filepath.Join(t.TempDir(), "f1")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	no := file + " is no directory: name a file in one, or that file itself without a slash behind it"
	for path, want := range map[string]string{
		full:                               full + " is a device, and the device is full: name a file, or - for standard output",
		file + "/":                         no,
		filepath.Join(file, "token"):       no,
		filepath.Join(file, "a", "token"):  no,
		filepath.Join(file+"2", "a", "to"): "make the directory first: mkdir -p " + filepath.Join(file+"2", "a"),
	} {
		if err := WriteOutput(t.Context(), path, []byte("x")); err == nil || advice.Of(err) != want {
			t.Errorf("%s: %v, hint %q, want %q", path, err, advice.Of(err), want)
		}
	}
}
