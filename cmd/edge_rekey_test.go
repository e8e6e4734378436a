package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rekey works on the directory of an edge that does not run, and says what to type next.
func TestEdgeRekey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "edge")
	oneping(t, "edge", "init", "--state-dir", dir, "--advertise", "edge.example.com:7844")
	read := func(name string) string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	secret, key := read("secret"), read("ca.key")
	stdout, stderr := oneping(t, "edge", "rekey", "--state-dir", dir)
	if stdout != "a new secret is made; useless now: 0 tokens of tunnels, 0 tokens of devices\n" ||
		stderr != "hint: who has enrolled stays; start the edge and put out who is not yours: oneping connector list, oneping device list\n" {
		t.Errorf("%q, %q", stdout, stderr)
	}
	if read("secret") == secret || read("ca.key") != key {
		t.Error("the secret is the old one, or the authority is not")
	}
	stdout, _ = oneping(t, "edge", "rekey", "--ca", "--state-dir", dir)
	if !strings.HasPrefix(stdout, "a new secret and a new authority are made; useless now: ") ||
		!strings.HasSuffix(stdout, "\nput out until they enrol anew: 0 connectors, 0 devices\n") || read("ca.key") == key {
		t.Errorf("%q", stdout)
	}
	if _, stderr := oneping(t, "edge", "init", "--state-dir", dir, "--advertise", "edge.example.com:7844"); stderr != "" {
		t.Errorf("the next edge: %s", stderr)
	}
	for _, none := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		_, stderr := oneping(t, "edge", "rekey", "--state-dir", none)
		if stderr != "error: rekey "+none+": no edge has its state there\nhint: name the edge's with --state-dir\n" {
			t.Errorf("where no edge is: %s", stderr)
		}
	}
	running := startEdge(t)
	if _, stderr := oneping(t, "edge", "rekey", "--state-dir", running); !strings.Contains(stderr, "in use by process ") || !strings.Contains(stderr, "\nhint: ") {
		t.Errorf("beside a running edge: %s", stderr)
	}
}
