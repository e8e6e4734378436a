package process

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/proto"
)

// A service finds what its unit gave it; a role inside somebody else's service does not take that
// for its own.
func TestDirectoriesOfSystemd(t *testing.T) {
	for _, c := range []struct{ state, run, wantState, wantSocket string }{
		{"/var/lib/oneping/edge", "/run/oneping/edge", "/var/lib/oneping/edge", "/run/oneping/edge/oneping.sock"},
		{"/var/lib/oneping/edge", "", "/var/lib/oneping/edge", "/var/lib/oneping/edge/oneping.sock"},
		{"/var/lib/runner", "/run/runner", "/home/x/.local/state/oneping/edge", "/home/x/.local/state/oneping/edge/oneping.sock"},
		{"/var/lib/oneping/edge:/var/lib/more", "/run/oneping/client", "/home/x/.local/state/oneping/edge", "/home/x/.local/state/oneping/edge/oneping.sock"},
		{"oneping/edge", "oneping/edge", "/home/x/.local/state/oneping/edge", "/home/x/.local/state/oneping/edge/oneping.sock"},
	} {
		t.Setenv("ONEPING_STATE_DIR", "")
		t.Setenv("STATE_DIRECTORY", c.state)
		t.Setenv("RUNTIME_DIRECTORY", c.run)
		state := supervised(stateVariable, proto.RoleEdge)
		if state == "" {
			state = stateDir(proto.RoleEdge, 1000, "", "/home/x", "")
		} else if got := StateDir(proto.RoleEdge); got != state {
			t.Errorf("StateDir = %q, want %q", got, state)
		}
		if state != c.wantState || Socket(proto.RoleEdge, state) != c.wantSocket {
			t.Errorf("with %q, %q: state %q, socket %q", c.state, c.run, state, Socket(proto.RoleEdge, state))
		}
	}
}

func TestFindSocket(t *testing.T) {
	own, service := filepath.Join(t.TempDir(), "own"), filepath.Join(t.TempDir(), "service")
	want := func(word, path string) {
		t.Helper()
		if got := findSocket(own, service); got != path {
			t.Errorf("%s: %s, want %s", word, got, path)
		}
	}
	want("nothing runs", own)
	for _, path := range []string{service, own} {
		ln, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = ln.Close() }()
		want("newest "+path, path)
	}
	killed, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: filepath.Join(t.TempDir(), "killed")})
	if err != nil {
		t.Fatal(err)
	}
	killed.SetUnlinkOnClose(false)
	dead := killed.Addr().String()
	if err := killed.Close(); err != nil {
		t.Fatal(err)
	}
	if got := findSocket(dead, service); got != service {
		t.Errorf("beside the socket of a killed process: %s, want that of the service, %s", got, service)
	}
	if got := findSocket(own+"-none", dead); got != dead {
		t.Errorf("where nobody listens: %s, want the one that is there, %s", got, dead)
	}
	if got := FindSocket(proto.RoleClient, "/d"); got != local.Socket("/d") {
		t.Errorf("with a directory: %s", got)
	}
}

// The credential of a unit is a token, or the word of the unit that there is none.
func TestTokenOfCredential(t *testing.T) {
	t.Setenv(TokenVariable, "")
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	path := filepath.Join(dir, Credential)
	read := func(named string) (string, bool) {
		t.Helper()
		tok, ok, err := ReadToken(t.Context(), proto.RoleClient, named)
		if err != nil {
			t.Fatal(err)
		}
		return tok.ID, ok
	}
	if _, ok := read(""); ok {
		t.Error("a token without a file")
	}
	for _, c := range []struct {
		text, want string
	}{{"none", ""}, {sampleToken("credential"), "credential"}} {
		if err := os.WriteFile(path, []byte(c.text), 0o400); err != nil {
			t.Fatal(err)
		}
		_ = os.Chmod(path, 0o600)
		if id, ok := read(""); id != c.want || ok != (c.want != "") {
			t.Errorf("%q, %v, want %q", id, ok, c.want)
		}
	}
	named := filepath.Join(dir, "named")
	if err := os.WriteFile(named, []byte(sampleToken("named")), 0o600); err != nil {
		t.Fatal(err)
	}
	if id, _ := read(named); id != "named" {
		t.Errorf("the token of the file that was named: %q", id)
	}
	t.Setenv(TokenVariable, sampleToken("environment"))
	if id, _ := read(""); id != "environment" {
		t.Errorf("the token of the environment: %q", id)
	}
}

func sampleToken(id string) string {
	return proto.Token{Kind: proto.TokenTunnel, Edges: []string{"192.0.2.1:7844"}, CA: make([]byte, 32), ID: id, Secret: make([]byte, 32)}.String()
}
