//go:build unix

package process

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/advice"

	"github.com/oneping/oneping/proto"
)

// TestTokenFromFIFO waits for who writes the token, or for the end; who asks again gets the one that
// was written meanwhile, and the next one after it.
func TestTokenFromFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	source := TokenFrom(proto.RoleClient, path)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 {
		_, ok, err := source(ended)
		if want := "wait for a token from " + path + ": context canceled"; ok || !errors.Is(err, context.Canceled) || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for _, id := range []string{"one", "two"} {
		done := make(chan error, 1)
		token := testToken()
		token.ID = id
		go func() { done <- WriteOutput(t.Context(), path, []byte(token.String())) }()
		got, ok, err := source(t.Context())
		if err := errors.Join(err, <-done); err != nil || !ok || got.ID != id {
			t.Errorf("%v, %v, %v", got, ok, err)
		}
	}
}

// TestReadFile reads regular files, and opens nothing else.
func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	ln, err := net.Listen("unix", in("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if err := errors.Join(os.WriteFile(in("file"), []byte("x"), 0o600), os.Symlink("file", in("link")), unix.Mkfifo(in("fifo"), 0o600),
		os.Symlink(os.DevNull, in("null")), os.Mkdir(in("dir"), 0o700)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"file", "link"} {
		if b, err := ReadFile(in(name)); err != nil || string(b) != "x" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	for name, kind := range map[string]string{"fifo": "a FIFO", "null": "a device", "dir": "a directory", "socket": "a socket"} {
		_, err := ReadFile(in(name))
		want, hint := "read "+in(name)+": it is "+kind+", not a file", "move "+in(name)+" away, and put the file back from a backup where there is one"
		if !errors.Is(err, ErrNoFile) || err.Error() != want || advice.Of(err) != hint {
			t.Errorf("%s: %v, hint %q", name, err, advice.Of(err))
		}
	}
	if _, err := ReadFile(in("missing")); !errors.Is(err, fs.ErrNotExist) || err.Error() != "open "+in("missing")+": no such file or directory" {
		t.Error(err)
	}
}
