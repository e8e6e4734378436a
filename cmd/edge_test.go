package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/edge"
	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

// startEdge runs an edge in this process until the test ends and returns its state directory.
func startEdge(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	e, err := edge.New(edge.Config{StateDir: dir, Listen: "127.0.0.1:0", Advertise: []string{"edge.example.com:7844"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("edge ended with %v", err)
		}
	})
	select {
	case <-e.Ready():
	case err := <-done:
		done <- err
		t.Fatalf("run edge: %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("the edge is not ready")
	}
	return dir
}

// oneping runs a command line in this process, and writes an error as main does.
func oneping(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	stdout, stderr, _ = onepingCode(t, args...)
	return stdout, stderr
}

// onepingCode is oneping with the exit code.
func onepingCode(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	root := newRootCmd("dev")
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&errs)
	err := root.ExecuteContext(t.Context())
	if err != nil {
		errs.WriteString("error: " + err.Error() + "\n")
		if hint := advice.Of(err); hint != "" {
			errs.WriteString("hint: " + hint + "\n")
		}
		code = 1
	}
	if _, wrong := errors.AsType[*usageError](err); wrong {
		code = 2
	}
	return out.String(), errs.String(), code
}

var (
	timePattern = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?`)
	idPattern   = regexp.MustCompile(`\b[a-z2-7]{16}\b`)
)

// stable replaces what differs from run to run.
func stable(s string) string {
	return idPattern.ReplaceAllString(timePattern.ReplaceAllString(s, "TIME"), "ID")
}

func TestAdministrationByCommandLine(t *testing.T) {
	dir := startEdge(t)
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	text := `groups: {eng: [alice@example.com]}
grants:
  - {id: eng-lab, who: [group:eng], to: [172.16.10.0/24], how: [icmp, "tcp:22"]}
tests:
  - {who: alice@example.com, accept: ["tcp 172.16.10.120:22"], deny: ["tcp 172.16.10.120:80"]}
  - {who: bob@example.com, deny: ["udp 172.16.10.53:53"]}
`
	if err := os.WriteFile(policy, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	failing := filepath.Join(t.TempDir(), "failing.yaml")
	if err := os.WriteFile(failing, []byte(strings.Replace(text, "accept: [\"tcp 172.16.10.120:22", "accept: [\"tcp 172.16.10.120:443", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ command, stdout, stderr string }{
		{"tunnel list", "", "hint: there is no tunnel yet: oneping tunnel create NAME\n"},
		{"tunnel create office", "tunnel office created\n", "hint: next: oneping route add PREFIX office, and oneping tunnel token office --output connector.token\n"},
		{"tunnel create office", "", "error: create tunnel office: the name is taken\nhint: show it: oneping tunnel show office\n"},
		{"tunnel create", "", "error: oneping tunnel create takes NAME, and got 0 of 1 arguments\nhint: for example: oneping tunnel create office; see oneping tunnel create --help\n"},
		{
			"route add 172.16.10.0/24 office", "route 172.16.10.0/24 to tunnel office added\n",
			"hint: no grant reaches 172.16.10.0/24 yet, so everything there is denied: oneping policy apply -f FILE\n",
		},
		{"route add 172.16.10.0/24 office", "", "error: add route 172.16.10.0/24: it exists already, to tunnel office\nhint: delete it first: oneping route delete 172.16.10.0/24\n"},
		{
			"route add 172.16.10.9/24 office", "",
			"error: prefix 172.16.10.9/24 has bits set behind its length\nhint: did you mean 172.16.10.0/24, or the one address 172.16.10.9/32?\n",
		},
		{"route add nowhere office", "", "error: \"nowhere\" is not a prefix\nhint: write it as 10.0.0.0/8, fd00::/64, or one address\n"},
		{"route add 10.0.0.0/8 home", "", "error: add route 10.0.0.0/8: tunnel home does not exist\nhint: create it: oneping tunnel create home\n"},
		{"policy apply -f " + policy, `policy applied: 1 grant, 1 group, 2 tests passed
  + grant eng-lab: who group:eng; to 172.16.10.0/24; how icmp, tcp:22
  + group eng: alice@example.com
  + tests: 2
`, "hint: nobody has a device yet as alice@example.com: oneping device token --user USER\n"},
		{"policy apply -f " + policy, "policy applied: 1 grant, 1 group, 2 tests passed\n", "hint: nobody has a device yet as alice@example.com: oneping device token --user USER\n"},
		{"policy diff " + policy, "no change: comments and layout are no matter of what is allowed\n", "hint: nobody has a device yet as alice@example.com: oneping device token --user USER\n"},
		{"policy explain alise@example.com 172.16.10.120", "", "error: no user \"alise@example.com\": no device, token or policy names one\nhint: did you mean alice@example.com?\n"},
		{"policy explain alice@exmaple.com 172.16.10.120", "", "error: no user \"alice@exmaple.com\": no device, token or policy names one\nhint: did you mean alice@example.com?\n"},
		{"policy explain carol@example.com 172.16.10.120", "", "error: no user \"carol@example.com\": no device, token or policy names one\nhint: oneping device list shows who has a device\n"},
		{"policy explain eng 172.16.10.120", "", "error: no user \"eng\": no device, token or policy names one\nhint: eng is a group: name one of its users\n"},
		{"tunnel list", "NAME    CONNECTORS     ROUTES          CREATED\noffice  none enrolled  172.16.10.0/24  TIME\n", ""},
		{"tunnel show office", "name        office\nid          ID\ncreated     TIME\nroutes      172.16.10.0/24\nlimit       8 connectors\nconnectors  none enrolled\n", ""},
		{"route list", "PREFIX          TUNNEL  CONNECTORS  CREATED\n172.16.10.0/24  office  0 up        TIME\n", ""},
		{
			"route get 172.16.10.120",
			`address     172.16.10.120
captured    clients send it into oneping
route       172.16.10.0/24
tunnel      office
connectors  none connected: what policy grants is answered with host unreachable, traceroute prints !H
            hint: on the machine of a connector: oneping connector status; oneping connector check
`, "",
		},
		{
			"route get 192.0.2.1",
			`address   192.0.2.1
captured  clients leave it to their own network: it is not captured
route     none: what policy grants is answered with net unreachable, traceroute prints !N
          hint: oneping route add PREFIX TUNNEL
`, "",
		},
		{
			"policy explain alice@example.com 172.16.10.120:22",
			`principal    alice@example.com; groups eng
destination  tcp 172.16.10.120:22
tunnel       office: no connector is connected, so it is answered with host unreachable
answer       allowed by grant eng-lab

GRANT    MATCH  WHY NOT
eng-lab  yes    -
`, "",
		},
		{
			"policy explain bob@example.com 172.16.10.53:53/udp",
			`principal    bob@example.com
destination  udp 172.16.10.53:53
tunnel       office
answer       denied: no grant matches

GRANT    MATCH  WHY NOT
eng-lab  no     who: bob@example.com is not among group:eng; how: udp:53 is not among icmp, tcp:22
`, "",
		},
		{
			"policy explain bob@example.com udp 172.16.10.53:53",
			`principal    bob@example.com
destination  udp 172.16.10.53:53
tunnel       office
answer       denied: no grant matches

GRANT    MATCH  WHY NOT
eng-lab  no     who: bob@example.com is not among group:eng; how: udp:53 is not among icmp, tcp:22
`, "",
		},
		{"policy explain bob@example.com sctp 172.16.10.53:53", "", "error: oneping policy explain takes DECISION-ID, or SRC and DST\nhint: for example: oneping policy explain alice@example.com tcp 172.16.10.120:22; see oneping policy explain --help\n"},
		{
			"policy explain 0123456789abcdef", "",
			"error: no such decision\nhint: ids are kept for the last 128 denials of a device, until the edge restarts; client status --denials lists them, on the edge oneping policy denials\n",
		},
		{"tunnel delete office", "", "error: delete tunnel office: routes point to it (1)\nhint: delete them first: oneping route delete 172.16.10.0/24\n"},
		{
			"route delete 172.16.10.0/24", "route 172.16.10.0/24 deleted\n",
			"hint: clients still capture it; to give it back to their networks: oneping route capture delete 172.16.10.0/24\n",
		},
		{"route capture delete 172.16.10.0/24", "clients leave 172.16.10.0/24 to their own networks\n", ""},
		{"route capture delete 172.16.10.0/24", "", "error: captured prefix 172.16.10.0/24 does not exist\nhint: list them: oneping route capture list\n"},
		{"tunnel delete office", "tunnel office deleted\n", ""},
		{"tunnel create home --max-connectors 2", "tunnel home created\n", "hint: next: oneping route add PREFIX home, and oneping tunnel token home --output connector.token\n"},
		{"tunnel create wide --max-connectors 2049", "", "error: 2049 connectors: a tunnel may have 1 to 2048\nhint: a small number keeps out who has found the token: 8 is the default\n"},
		{"tunnel create none --max-connectors 0", "", "error: 0 connectors: a tunnel may have 1 to 2048\nhint: a small number keeps out who has found the token: 8 is the default\n"},
		{"tunnel set home --max-connectors 1", "tunnel home may have 1 connector\n", ""},
		{"tunnel set home", "", "error: oneping tunnel set needs --max-connectors\nhint: for example: oneping tunnel set office --max-connectors 20; see oneping tunnel set --help\n"},
		{"tunnel set none --max-connectors 1", "", "error: tunnel none does not exist\nhint: list them: oneping tunnel list\n"},
		{"tunnel token home --evict", "", "error: --evict goes with --rotate\nhint: the present token stays good without it: write --rotate --evict\n"},
		{"connector list", "", "hint: no connector has enrolled yet: oneping tunnel token NAME --output connector.token\n"},
		{"connector list none", "", "error: tunnel none does not exist\nhint: list them: oneping tunnel list\n"},
		{"connector revoke", "", "error: oneping connector revoke takes ID…, and got none\nhint: oneping connector list shows them\n"},
		{"connector revoke none other", "", "error: connector none does not exist\nconnector other does not exist\nhint: list them: oneping connector list\n"},
		{"device list", "", "hint: there is no device yet: oneping device token --user USER\n"},
		{"device token", "", "error: oneping device token needs --user\nhint: say whose device it is: --user alice@example.com\n"},
		{"device revoke nothing", "", "error: device nothing does not exist\nhint: list them: oneping device list\n"},
	} {
		stdout, stderr := oneping(t, append(strings.Fields(step.command), "--state-dir", dir)...)
		if diff := cmp.Diff(step.stdout+"--\n"+step.stderr, stable(stdout)+"--\n"+stable(stderr)); diff != "" {
			t.Errorf("oneping %s:\n%s", step.command, diff)
		}
	}
	_, stderr := oneping(t, "policy", "apply", "-f", failing, "--state-dir", dir)
	if !strings.Contains(stderr, "tcp 172.16.10.120:443") || !strings.Contains(stderr, "the policy in force stays as it was") {
		t.Errorf("a policy whose test fails: %s", stderr)
	}
	shown, _ := oneping(t, "policy", "show", "--state-dir", dir)
	if !strings.Contains(shown, "id: eng-lab") {
		t.Errorf("the policy in force: %s", shown)
	}
}

func TestTokensOnStandardOutput(t *testing.T) {
	dir := startEdge(t)
	oneping(t, "tunnel", "create", "office", "--state-dir", dir)
	read := func(args ...string) proto.Token {
		t.Helper()
		out, stderr := oneping(t, append(args, "--state-dir", dir)...)
		tok, err := proto.ParseToken(out)
		if err != nil || strings.Count(out, "\n") != 1 {
			t.Fatalf("oneping %v: %q, %v, %s", args, out, err, stderr)
		}
		return tok
	}
	first := read("tunnel", "token", "office")
	if again := read("tunnel", "token", "office"); again.ID != first.ID {
		t.Error("another token without --rotate")
	}
	if rotated := read("tunnel", "token", "office", "--rotate"); rotated.ID == first.ID {
		t.Error("the same token with --rotate")
	}
	if diff := cmp.Diff([]string{"edge.example.com:7844"}, first.Edges); diff != "" {
		t.Error(diff)
	}
	if tok := read("device", "token", "--user", "alice@example.com", "--ttl", "2h"); tok.Kind != proto.TokenDevice {
		t.Errorf("kind %s", tok.Kind)
	}
}

func TestListingsAsJSON(t *testing.T) {
	dir := startEdge(t)
	for _, command := range []string{"tunnel list", "route list", "route capture list", "device list", "connector list"} {
		out, _ := oneping(t, append(strings.Fields(command), "--json", "--state-dir", dir)...)
		if strings.TrimSpace(out) != "[]" {
			t.Errorf("oneping %s of nothing: %q, want []", command, out)
		}
	}
	oneping(t, "tunnel", "create", "office", "--state-dir", dir)
	out, _ := oneping(t, "tunnel", "list", "--json", "--state-dir", dir)
	var ts []admin.Tunnel
	if err := json.Unmarshal([]byte(out), &ts); err != nil || len(ts) != 1 || ts[0].Name != "office" {
		t.Errorf("%q, %v", out, err)
	}
	out, _ = oneping(t, "edge", "status", "--json", "--state-dir", dir)
	var s edge.Status
	if err := json.Unmarshal([]byte(out), &s); err != nil || len(s.Tunnels) != 1 || strings.Contains(out, "null") {
		t.Errorf("%q, %v; want lists, not null", out, err)
	}
}

func TestNoEdgeRuns(t *testing.T) {
	dir := t.TempDir()
	_, stderr := oneping(t, "tunnel", "list", "--state-dir", dir)
	want := "error: no edge is running with state directory " + dir +
		"\nhint: start it: oneping edge run; or name the directory of the one that runs: --state-dir DIR\n"
	if stderr != want {
		t.Errorf("got %q, want %q", stderr, want)
	}
}

func TestNothingRuns(t *testing.T) {
	for role, start := range map[string]string{"client": "up", "connector": "run", "edge": "run"} {
		dir := t.TempDir()
		_, stderr := oneping(t, role, "status", "--state-dir", dir)
		want := "error: no " + role + " is running with state directory " + dir +
			"\nhint: start it: oneping " + role + " " + start + "; or name the directory of the one that runs: --state-dir DIR\n"
		if stderr != want {
			t.Errorf("got %q, want %q", stderr, want)
		}
	}
}

func TestEdgeInitIsRepeatable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "edge")
	first, stderr := oneping(t, "edge", "init", "--state-dir", dir, "--advertise", "edge.example.com:7844")
	if stderr != "" {
		t.Fatal(stderr)
	}
	again, _ := oneping(t, "edge", "init", "--state-dir", dir, "--advertise", "edge.example.com:7844")
	if first != again {
		t.Errorf("another answer the second time:\n%s", cmp.Diff(first, again))
	}
	for _, want := range []string{
		"Nodes reach the edge at edge.example.com:7844 (UDP).",
		"   oneping edge run --state-dir " + dir + " --advertise edge.example.com:7844",
		"   oneping tunnel create office --route 172.16.10.0/24 --output connector.token --state-dir " + dir,
		"   oneping device token --user alice@example.com --output laptop.token --state-dir " + dir,
		"   oneping connector run --token-file connector.token",
		"   sudo oneping client up --token-file laptop.token",
	} {
		if !strings.Contains(first, want+"\n") {
			t.Errorf("no line %q in:\n%s", want, first)
		}
	}
}

func TestEdgeReady(t *testing.T) {
	dir := startEdge(t)
	if code, out := exec(t, "edge", "status", "--ready", "--state-dir", dir); code != 0 || out != "" {
		t.Errorf("a running edge: exit code %d, %q", code, out)
	}
	code, out := exec(t, "edge", "status", "--ready", "--state-dir", t.TempDir())
	if code != 1 || !strings.HasPrefix(out, "oneping: error: no edge is running with state directory ") {
		t.Errorf("no edge: exit code %d, %q", code, out)
	}
}
