package holder

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNodeEnv(t *testing.T) {
	got := nodeEnv([]string{
		"HOME=/root", "PATH=/usr/bin:/opt/x", "NOTIFY_SOCKET=/run/y", "ONEPING_TOKEN=secret", "ONEPING_LAB=outer",
	}, "a", "laptop")
	want := []string{
		"HOME=/root",
		"PATH=/oneping-lab/bin:/usr/bin:/opt/x:/usr/local/sbin:/usr/sbin:/sbin:/bin",
		"ONEPING_LAB=a",
		"ONEPING_LAB_NODE=laptop",
		"ONEPING_STATE_DIR=/oneping-lab/laptop",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFindProgram(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"yes": 0o755, "no": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"PATH=/nowhere:relative:" + dir}
	if path, err := findProgram("yes", "/", env); err != nil || path != filepath.Join(dir, "yes") {
		t.Errorf("findProgram = %q, %v", path, err)
	}
	if path, err := findProgram("./yes", dir, nil); err != nil || path != filepath.Join(dir, "yes") {
		t.Errorf("findProgram = %q, %v", path, err)
	}
	if _, err := findProgram("no", "/", env); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("findProgram of a plain file = %v", err)
	}
	if _, err := findProgram("./no", dir, nil); !errors.Is(err, syscall.EACCES) {
		t.Errorf("findProgram of a plain file by path = %v", err)
	}
}
