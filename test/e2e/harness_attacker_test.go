//go:build linux

package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Changes to quic-go's sender, as an attacker makes them. All that comes of it is legal on the
// wire: streams 4, 8, … start with their second byte; a frame of streams 4, 12, … has one byte, for
// which quic-go keeps some 150, one of streams 8, 16, … has 128, for which it keeps 1,452.
var hostileSender = []struct{ before, after string }{
	{
		"	limitedWrite := s.writeLimiter != nil && s.nextFrame == nil\n",
		`	limitedWrite := s.writeLimiter != nil && s.nextFrame == nil
	hostile := s.streamID > 0 && s.streamID%4 == 0
	if hostile && s.writeOffset == 0 && s.flowController.TryAddBytesSent(1) {
		s.writeOffset = 1
		if s.nextFrame != nil {
			s.nextFrame.Offset = 1
		}
	}
`,
	},
	{
		"	if maxDataLen == 0 {\n		return nil, nil, true\n	}\n	if limitedWrite {\n",
		"	if hostile && s.streamID%8 == 0 {\n		maxDataLen = min(maxDataLen, 128)\n	} else if hostile {\n		maxDataLen = min(maxDataLen, 1)\n	}\n	if maxDataLen == 0 {\n		return nil, nil, true\n	}\n	if limitedWrite {\n",
	},
}

// buildHostile builds the tool with that sender into dir and returns its path. Files of the module
// cache take no overlay: a copy of the module takes its place.
func buildHostile(t *testing.T, dir string) string {
	t.Helper()
	const module = "github.com/quic-go/quic-go"
	original, root := goSays(t, "list", "-m", "-f", "{{.Dir}}", module), filepath.Dir(goSays(t, "env", "GOMOD"))
	changed := filepath.Join(dir, "quic-go")
	if err := os.CopyFS(changed, os.DirFS(original)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { makeWritable(changed) }) // the module cache is not, and who is not root could not remove the copy
	changeSender(t, filepath.Join(changed, "send_stream.go"))
	mod := filepath.Join(dir, "go.mod")
	for name, more := range map[string]string{"go.mod": fmt.Sprintf("\nreplace %s => %s\n", module, changed), "go.sum": ""} {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), append(b, more...), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	bin := filepath.Join(dir, "attack")
	goSays(t, "build", "-modfile", mod, "-o", bin, "github.com/oneping/oneping/test/e2e/tool")
	return bin
}

// changeSender writes the attacker's sender over a copy of quic-go's.
func changeSender(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, c := range hostileSender {
		if n := strings.Count(text, c.before); n != 1 {
			t.Fatalf("this quic-go has another sender: %d times\n%s", n, c.before)
		}
		text = strings.Replace(text, c.before, c.after, 1)
	}
	if err := os.Remove(path); err != nil { // it is read-only
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func makeWritable(dir string) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o755)
		}
		return err
	})
}

// goSays runs the go command and returns what it prints.
func goSays(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Dir = os.Getenv("ONEPING_ROOT") // of the module, where this runs elsewhere
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", args[0], err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}
