package cmd

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/proto"
)

// secret returns the token in a file, which must be its owner's alone.
func secret(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("%s has mode %o", path, mode)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTokenOutput(t *testing.T) {
	dir, out := startEdge(t), t.TempDir()
	connector := filepath.Join(out, "connector.token")
	if err := os.WriteFile(connector, []byte("an earlier one"), 0o644); err != nil {
		t.Fatal(err)
	}
	stdout, stderr := oneping(t, "tunnel", "create", "office", "--route", "172.16.10.0/24,fd00:10::/64", "--output", connector, "--state-dir", dir)
	if want := "tunnel office created\nroute 172.16.10.0/24 to tunnel office added\nroute fd00:10::/64 to tunnel office added\n"; stdout != want {
		t.Errorf("got %q, want %q", stdout, want)
	}
	if !strings.Contains(stderr, "no grant reaches 172.16.10.0/24 yet") || strings.Contains(stderr, "error: ") {
		t.Errorf("standard error: %s", stderr)
	}
	again, _ := oneping(t, "tunnel", "token", "office", "--state-dir", dir)
	if got := secret(t, connector); got != again || again == "" {
		t.Errorf("the file holds %q, and the token is %q", got, again)
	}
	laptop := filepath.Join(out, "laptop.token")
	if stdout, _ := oneping(t, "device", "token", "--user", "alice@example.com", "-o", laptop, "--state-dir", dir); stdout != "" {
		t.Errorf("the token is also printed: %q", stdout)
	}
	if secret(t, laptop) == "" {
		t.Error("no token in the file")
	}
	if names, err := os.ReadDir(out); err != nil || len(names) != 2 {
		t.Errorf("left behind: %v, %v", names, err)
	}

	nowhere := filepath.Join(out, "missing", "laptop.token")
	stdout, stderr = oneping(t, "tunnel", "token", "office", "--output", nowhere, "--state-dir", dir)
	if stdout != "" || !strings.HasPrefix(stderr, "error: write token: open "+filepath.Dir(nowhere)) {
		t.Errorf("got %q, %q", stdout, stderr)
	}
}

// TestTokenOfAnother: no command that writes a token replaces the token of another tunnel or user, or
// of another edge, nor makes anything first. One that enrols nobody any more may go, and so may a file
// without a token.
func TestTokenOfAnother(t *testing.T) {
	dir, out := startEdge(t), t.TempDir()
	file := func(name string) string { return filepath.Join(out, name) }
	run := func(args ...string) string {
		t.Helper()
		_, stderr := oneping(t, append(args, "--state-dir", dir)...)
		return stderr
	}
	made := func(args ...string) {
		t.Helper()
		if stderr := run(args...); strings.Contains(stderr, "error: ") {
			t.Fatalf("%q: %s", args, stderr)
		}
	}
	office, alice, foreign := file("office.token"), file("alice's.token"), file("foreign.token")
	made("tunnel", "create", "office", "--output", office)
	made("device", "token", "--user", "alice@example.com", "--output", alice)
	made("device", "token", "--user", "Alice@example.com", "--output", alice) // of the same user
	made("tunnel", "token", "office", "--rotate", "--output", office)
	stranger := proto.Token{Kind: proto.TokenTunnel, Edges: []string{"edge.example.com:7844"}, CA: make([]byte, 32), ID: "aaaabbbbccccdddd", Secret: make([]byte, 32)}
	if err := os.WriteFile(foreign, []byte("# of the other edge\n"+stranger.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path, kind, of string
		args           []string
	}{
		{office, "tunnel", "of tunnel office", []string{"tunnel", "create", "home"}},
		{office, "tunnel", "of tunnel office", []string{"device", "token", "--user", "alice@example.com"}},
		{alice, "device", "of alice@example.com", []string{"tunnel", "token", "office"}},
		{alice, "device", "of alice@example.com", []string{"tunnel", "token", "office", "--rotate"}},
		{alice, "device", "of alice@example.com", []string{"device", "token", "--user", "bob@example.com"}},
		{foreign, "tunnel", "that this edge does not know", []string{"tunnel", "token", "office"}},
	} {
		was := secret(t, tt.path)
		held, ok := process.HeldToken(tt.path)
		want := "error: write token: " + tt.path + " holds the " + tt.kind + " token " + held.ID + " " + tt.of + "\n" +
			"hint: name another file, or remove it first: rm " + quote(tt.path) + "\n"
		if stderr := run(append(tt.args, "--output", tt.path)...); stderr != want || !ok {
			t.Errorf("%q: got %q, want %q", tt.args, stderr, want)
		}
		if secret(t, tt.path) != was {
			t.Errorf("%q wrote into %s", tt.args, tt.path)
		}
	}
	tunnels, _ := oneping(t, "tunnel", "list", "--state-dir", dir)
	issued, _ := oneping(t, "token", "list", "--all", "--state-dir", dir)
	if strings.Contains(tunnels, "home") || strings.Contains(issued, "bob@example.com") {
		t.Errorf("made all the same:\n%s%s", tunnels, issued)
	}
	held, _ := process.HeldToken(alice)
	made("token", "cancel", held.ID)
	made("device", "token", "--user", "bob@example.com", "--output", alice)
}

// TestTokenNamed: what is to be typed where a token is taken names the file that was written.
func TestTokenNamed(t *testing.T) {
	dir, out := startEdge(t), t.TempDir()
	oneping(t, "tunnel", "create", "office", "--state-dir", dir)
	for name, want := range map[string]string{"gateway.token": "gateway.token", "the gateway's": `'the gateway'\''s'`, "": "FILE", "-": "FILE"} {
		args := []string{"--state-dir", dir}
		if name != "" {
			path := name
			if name != "-" {
				path = filepath.Join(out, name)
			}
			args = append(args, "--output", path)
		}
		_, stderr := oneping(t, append([]string{"tunnel", "token", "office"}, args...)...)
		if said := "hint: on a host of the private subnet: sudo oneping connector service install --token-file " + want + ", or oneping connector run --token-file " + want + "\n"; stderr != said {
			t.Errorf("%q: %q, want %q", name, stderr, said)
		}
	}
	_, stderr := oneping(t, "device", "token", "--user", "alice@example.com", "--output", filepath.Join(out, "laptop.token"), "--state-dir", dir)
	if said := "; on the laptop: sudo oneping client service install --token-file laptop.token, or sudo oneping client up --token-file laptop.token\n"; !strings.HasSuffix(stderr, said) {
		t.Errorf("%q, want %q at its end", stderr, said)
	}
}

// TestNetworkWithoutLength: who routes or captures what looks like a network, and is one address, hears
// so.
func TestNetworkWithoutLength(t *testing.T) {
	dir := startEdge(t)
	const want = "hint: 172.16.11.0 is one address; a network has a length: 172.16.11.0/24\n"
	for _, args := range [][]string{
		{"tunnel", "create", "office", "--route", "172.16.11.0"},
		{"route", "delete", "172.16.11.0"},
		{"route", "add", "172.16.11.0", "office"},
		{"route", "capture", "add", "172.16.11.0"},
		{"route", "capture", "add", "172.16.11.0/32"},
	} {
		_, stderr := oneping(t, append(args, "--state-dir", dir)...)
		if said := args[len(args)-1] != "172.16.11.0/32" && args[1] != "delete"; strings.Contains(stderr, want) != said {
			t.Errorf("%q: %s", args, stderr)
		}
	}
}

// TestTunnelCreateJSON: one command gives one document, with the routes in it.
func TestTunnelCreateJSON(t *testing.T) {
	dir := startEdge(t)
	token := filepath.Join(t.TempDir(), "connector.token")
	stdout, _ := oneping(t, "tunnel", "create", "office", "--json", "--route", "172.16.10.0/24", "--output", token, "--state-dir", dir)
	var tunnel admin.Tunnel
	if err := json.Unmarshal([]byte(stdout), &tunnel); err != nil || tunnel.Name != "office" || len(tunnel.Routes) != 1 {
		t.Errorf("%v: %s", err, stdout)
	}
	if secret(t, token) == "" {
		t.Error("no token in the file")
	}
	stdout, stderr := oneping(t, "tunnel", "create", "home", "--route", "172.16.10.0/24", "--state-dir", dir)
	if want := "error: add route 172.16.10.0/24: it exists already, to tunnel office\n" +
		"hint: delete it first: oneping route delete 172.16.10.0/24; the tunnel stays: go on with oneping route add PREFIX home, and " +
		"oneping tunnel token home --output FILE\n"; stdout != "tunnel home created\n" || stderr != want {
		t.Errorf("got %q, %q", stdout, stderr)
	}
	// The same command, typed right, must do.
	stdout, stderr = oneping(t, "tunnel", "create", "lab", "--route", "10.0.0.0/8,10.1.0.1/16", "--state-dir", dir)
	if want := "error: prefix 10.1.0.1/16 has bits set behind its length\nhint: did you mean 10.1.0.0/16, or the one address 10.1.0.1/32?\n"; stdout != "" || stderr != want {
		t.Errorf("got %q, %q", stdout, stderr)
	}
	stdout, _ = oneping(t, "tunnel", "create", "lab", "--route", "10.0.0.0/8,10.1.0.0/16", "--state-dir", dir)
	if want := "tunnel lab created\nroute 10.0.0.0/8 to tunnel lab added\nroute 10.1.0.0/16 to tunnel lab added\n"; stdout != want {
		t.Errorf("got %q", stdout)
	}
}

// TestAfterRotation: who rotates hears what became of the earlier tokens, and of who used them.
func TestAfterRotation(t *testing.T) {
	for evicted, want := range map[bool]string{
		false: "the earlier tokens of office enrol nobody any more; connectors that enrolled with them stay: oneping tunnel token office --rotate --evict puts them out",
		true:  "the earlier tokens of office enrol nobody any more",
	} {
		if got := afterRotation("office", evicted); got != want {
			t.Errorf("evicted %v: %q", evicted, got)
		}
	}
	dir := startEdge(t)
	oneping(t, "tunnel", "create", "office", "--state-dir", dir)
	for _, flags := range [][]string{nil, {"--rotate"}} {
		_, stderr := oneping(t, append([]string{"tunnel", "token", "office", "--state-dir", dir}, flags...)...)
		if said := strings.HasSuffix(stderr, "hint: "+afterRotation("office", false)+"\n"); said != (flags != nil) {
			t.Errorf("tunnel token office %v: %s", flags, stderr)
		}
	}
}
