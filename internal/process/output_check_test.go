package process

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/oneping/oneping/internal/advice"
)

// TestCheckOutput: what cannot be written is refused before there is something to write.
func TestCheckOutput(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"", "-", file, filepath.Join(dir, "new"), os.DevNull} {
		if err := CheckOutput(path); err != nil {
			t.Errorf("%q: %v", path, err)
		}
	}
	missing := filepath.Join(dir, "no", "such", "place")
	for path, want := range map[string]struct{ says, hint string }{
		missing:                   {"open " + missing + ": no such file or directory", "make the directory first: mkdir -p " + filepath.Dir(missing)},
		dir:                       {"write " + dir + ": a directory is not replaced by a file", "move it away, or name another file"},
		filepath.Join(file, "in"): {"open " + filepath.Join(file, "in") + ": not a directory", file + " is no directory: name a file in one, or that file itself without a slash behind it"},
	} {
		if err := CheckOutput(path); err == nil || err.Error() != want.says || advice.Of(err) != want.hint {
			t.Errorf("%s: %v, hint %q, want %q, %q", path, err, advice.Of(err), want.says, want.hint)
		}
	}
}
