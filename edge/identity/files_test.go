//go:build unix

package identity

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/oneping/oneping/internal/advice"
)

// TestKeysThatOthersMayReadAreRefused: whoever reads the authority's key can
// make nodes, and whoever reads the secret can make tokens.
func TestKeysThatOthersMayReadAreRefused(t *testing.T) {
	for _, name := range []string{keyFile, secretFile} {
		for _, mode := range []os.FileMode{0o640, 0o604, 0o660} {
			dir := t.TempDir()
			if err := New(Config{Dir: dir}).Load(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, name)
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			err := New(Config{Dir: dir}).Load()
			if advice.Of(err) != "chmod 600 "+path {
				t.Errorf("%s of mode %04o: %v, want it refused with the hint to chmod", name, mode, err)
			}
			if err := os.Chmod(path, 0o400); err != nil {
				t.Fatal(err)
			}
			if err := New(Config{Dir: dir}).Load(); err != nil {
				t.Errorf("%s of mode 0400: %v", name, err)
			}
		}
	}
}
