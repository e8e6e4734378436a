package process

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	want := func(text string, mode fs.FileMode) {
		t.Helper()
		b, err := os.ReadFile(path)
		fi, statErr := os.Stat(path)
		if err != nil || statErr != nil || string(b) != text || fi.Mode().Perm() != mode {
			t.Errorf("%q, %v, %v, %v; want %q, %v", b, fi.Mode(), err, statErr, text, mode)
		}
		if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
			t.Errorf("the directory has %v, %v", all, err)
		}
	}
	if err := WriteNewFile(path, []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	want("new", 0o644)
	if err := WriteNewFile(path, []byte("again"), 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another file: %v", err)
	}
	want("new", 0o644)
	if err := WriteFile(path, []byte("replaced"), 0o600); err != nil {
		t.Fatal(err)
	}
	want("replaced", 0o600)
}

func TestUnwritable(t *testing.T) {
	err := WriteFile(filepath.Join(t.TempDir(), "missing", "f"), nil, 0o600)
	if err == nil || !Unwritable(err) {
		t.Errorf("a directory that is not there: %v", err)
	}
	if Unwritable(errors.New("disk full")) || Unwritable(nil) {
		t.Error("another error")
	}
}
