package cmd

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/proto"
)

// TestTokenBesideARunningRole: who names a wrong token where the role runs already hears of both.
func TestTokenBesideARunningRole(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	token := func(kind proto.TokenKind) string {
		return proto.Token{Kind: kind, Edges: []string{"192.0.2.1:7844"}, CA: make([]byte, 32), ID: "id", Secret: make([]byte, 32)}.String()
	}
	none := filepath.Join(dir, "none.token")
	const busy, hint = "the state directory is in use by process 7", "stop that client first"
	taken := advice.With(fmt.Errorf("%s%w", busy, mute{process.ErrInUse}), hint)
	for path, want := range map[string]string{
		none:                                  "read token: open " + none + ": no such file or directory",
		file("empty.token", "\n"):             "read token from " + filepath.Join(dir, "empty.token") + ": it is empty",
		file("tunnel.token", token("tunnel")): "that is a tunnel token; a client needs a device token",
		file("device.token", token("device")): "",
		"":                                    "",
		"-":                                   "",
	} {
		err := besideToken(t.Context(), taken, proto.RoleClient, path)
		if want == "" {
			if err != taken {
				t.Errorf("%q: %v", path, err)
			}
			continue
		}
		if err.Error() != want+"; and "+busy || advice.Of(err) == hint || !isTaken(err) {
			t.Errorf("%q: %v, hint %q", path, err, advice.Of(err))
		}
	}
	if err := besideToken(t.Context(), os.ErrPermission, proto.RoleClient, none); err != os.ErrPermission {
		t.Errorf("not taken: %v", err)
	}
}

// mute is a cause without words.
type mute struct{ error }

func (mute) Error() string   { return "" }
func (m mute) Unwrap() error { return m.error }
