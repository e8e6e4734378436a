//go:build unix

package cmd

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/internal/local"
)

// TestPolicyEditOfAnotherPolicy: who was slower than somebody else does not undo what that one did,
// and keeps his text.
func TestPolicyEditOfAnotherPolicy(t *testing.T) {
	e := newPolicyEdge(t, commented)
	kept := t.TempDir()
	fifo := filepath.Join(t.TempDir(), "saved")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", kept)
	t.Setenv("VISUAL", "f() { echo '# mine' >> $1; cat "+fifo+"; }; f")
	other := make(chan error, 1)
	go func() {
		f, err := os.OpenFile(fifo, os.O_WRONLY, 0) // when the editor reads it
		if err != nil {
			other <- err
			return
		}
		_, err = admin.NewClient(filepath.Join(e.dir, local.SocketName)).ApplyPolicy(t.Context(), "grants: []\n")
		_ = f.Close()
		other <- err
	}()
	file := e.wantKept(kept, "error: apply policy: the policy in force has changed since it was read\n"+
		"hint: see what is otherwise: oneping policy diff FILE; your text is in FILE: edit it, then oneping policy apply -f FILE\n")
	if err := <-other; err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != commented+"# mine\n" {
		t.Errorf("%v in %s:\n%s", err, file, text)
	}
	e.want("grants: []\n", "", "show")
}
