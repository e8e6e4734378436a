package node_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/internal/node/nodetest"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/proto"
)

// TestDamagedState: each damage to each file of a node's identity is named, with the file and the way
// out, or leaves the identity what it was; without a token none is made anew, and no file is written
// over. -v prints the table.
func TestDamagedState(t *testing.T) {
	a, err := nodetest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []proto.Identity{
		{Role: proto.RoleClient, ID: "aaaaaaaaaaaaaaaa"},
		{Role: proto.RoleConnector, Tunnel: "tttttttttttttttt", ID: "bbbbbbbbbbbbbbbb"},
	} {
		whole := t.TempDir()
		n, err := a.Node(whole, id, "192.0.2.1:7844", "edge.example.com:7844")
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Enrol(t.Context()); err != nil { // writes its file as it does today
			t.Fatal(err)
		}
		for _, file := range []string{"node.key", "node.json"} {
			for _, d := range nodetest.Damages() {
				dir := t.TempDir()
				if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(filepath.Join(dir, "node.key"), 0o600); err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(dir, file)
				if err := d.Do(path); err != nil {
					t.Fatal(err)
				}
				before, _ := process.ReadFile(path)
				got := node.New(node.Config{Role: id.Role, StateDir: dir})
				err := got.Enrol(t.Context())
				after, _ := process.ReadFile(path)
				switch {
				case err == nil:
					if who, _ := got.Identity(); who != id || !slices.Equal(got.Edges(), n.Edges()) {
						t.Errorf("%s of a %s, %s: it goes on as %v with %v", file, id.Role, d.Name, who, got.Edges())
					}
				case advice.Of(err) == "" || !strings.Contains(err.Error(), file) && !strings.Contains(err.Error(), "has not enrolled"):
					t.Errorf("%s of a %s, %s: %v, hint %q", file, id.Role, d.Name, err, advice.Of(err))
				case !bytes.Equal(before, after):
					t.Errorf("%s of a %s, %s: it was written over", file, id.Role, d.Name)
				}
				text := "as before"
				if err != nil {
					text = strings.ReplaceAll(err.Error(), dir, "DIR") + "; hint: " + strings.ReplaceAll(advice.Of(err), dir, "DIR")
				}
				t.Logf("%-9s  %-9s  %-12s  %s", id.Role, file, d.Name, text)
			}
		}
	}
}
