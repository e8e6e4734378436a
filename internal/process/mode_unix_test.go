//go:build unix

package process

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oneping/oneping/internal/advice"

	"github.com/oneping/oneping/proto"
)

// TestOwnersAndModes: who may have a key, a token or a state directory.
func TestOwnersAndModes(t *testing.T) {
	const root, me, other = 0, 1000, 1001
	for _, c := range []struct {
		owner, self, pid int
		want             bool
	}{
		{root, root, 7, true},
		{me, me, 7, true},
		{root, me, 7, true},
		{me, root, 7, false},
		{other, me, 7, false},
		{me, root, 1, true},
		{other, me, 1, false}, // the first process of a container
	} {
		if got := trusted(c.owner, c.self, c.pid); got != c.want {
			t.Errorf("of user %d, for process %d of user %d: %v", c.owner, c.pid, c.self, got)
		}
	}
	for _, c := range []struct {
		perm        fs.FileMode
		owner, self int
		want        bool
	}{
		{0o600, me, me, true},
		{0o400, me, me, true},
		{0o640, me, me, false},
		{0o644, me, me, false},
		{0o604, me, me, false},
		{0o600, me, root, true}, // sudo
		{0o644, me, root, false},
		{0o440, root, root, false},
		{0o440, root, me, true}, // a volume of Kubernetes, a credential of systemd
		{0o640, root, me, true},
		{0o660, root, me, false},
		{0o644, root, me, false},
		{0o444, root, me, false},
	} {
		if got := tokenModeOK(c.perm, c.owner, c.self); got != c.want {
			t.Errorf("token of mode %o of user %d, for user %d: %v", c.perm, c.owner, c.self, got)
		}
	}
}

func TestTokenFileMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(testToken().String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := ReadToken(t.Context(), proto.RoleClient, path); !ok || err != nil {
		t.Error(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	_, _, err := ReadToken(t.Context(), proto.RoleClient, path)
	if err == nil || err.Error() != "read token from "+path+": others may read it (mode 0644)" || !strings.HasPrefix(advice.Of(err), "chmod 600 "+path+"; ") {
		t.Errorf("%v, hint %q", err, advice.Of(err))
	}
	if _, _, err := ReadToken(t.Context(), proto.RoleClient, filepath.Dir(path)); err == nil || advice.Of(err) != "name a file in that directory" {
		t.Errorf("a directory: %v, hint %q", err, advice.Of(err))
	}
}

// TestForeignStateDir: only root can give a directory away.
func TestForeignStateDir(t *testing.T) {
	dir := t.TempDir()
	if err := MakeStateDir(dir); err != nil {
		t.Error(err)
	}
	if os.Geteuid() != 0 {
		return
	}
	key := filepath.Join(dir, "node.key")
	if err := os.WriteFile(key, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, key} {
		if err := os.Chown(path, 1000, 1000); err != nil {
			t.Fatal(err)
		}
	}
	for path, err := range map[string]error{dir: MakeStateDir(dir), key: CheckMode(key)} {
		if err == nil || !strings.HasSuffix(err.Error(), path+": it belongs to user 1000, and this process runs as user 0") ||
			advice.Of(err) != "run as that user, or, if you trust what is in it: chown -R 0 "+path {
			t.Errorf("%v, hint %q", err, advice.Of(err))
		}
	}
}
