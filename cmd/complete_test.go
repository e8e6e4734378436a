package cmd

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/internal/local"
)

// offeredFor returns what a shell is offered behind args, and what it does about files, as the
// scripts of bash, zsh and fish ask for it.
func offeredFor(t *testing.T, args ...string) (values, directive string) {
	t.Helper()
	out, _ := oneping(t, append([]string{cobra.ShellCompRequestCmd}, args...)...)
	i := strings.LastIndex(out, ":")
	if i < 0 {
		t.Fatalf("%q: no directive in %q", args, out)
	}
	return out[:i], strings.TrimSpace(out[i:])
}

// What cobra prints for shells (cobra.ShellCompDirective).
const (
	files, noFiles, someFiles, folders = ":0", ":4", ":8", ":16"
)

// A shell offers the words that stand for a value, files only where a file is wanted, and asks the
// edge for names and ids. It does the same where no edge answers.
func TestCompletion(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "edge")
	edgeThatKnows(t, dir)
	const here = "--state-dir"
	for _, c := range []struct {
		args              string
		values, directive string
	}{
		{"device revoke " + here + " EDGE ", "dtxo\talice@example.com, laptop\nqhdh\tbob@example.com, pc\n", noFiles},
		{"device revoke " + here + " EDGE q", "qhdh\tbob@example.com, pc\n", noFiles},
		{"device revoke " + here + " EDGE dtxo ", "qhdh\tbob@example.com, pc\n", noFiles},
		{"device show " + here + "=EDGE d", "dtxo\talice@example.com, laptop\n", noFiles},
		{"device token " + here + " EDGE --user ", "alice@example.com\nbob@example.com\n", noFiles},
		{"device rename " + here + " EDGE dtxo ", "", noFiles},
		{"device delete " + here + " EDGE dtxo q", "qhdh\tbob@example.com, pc\n", noFiles},
		{"device revoke --user ", "", noFiles},
		{"token cancel " + here + " EDGE ", "abcd\tdevice token of alice@example.com\n", noFiles},
		{"tunnel rename " + here + " EDGE ho", "home\n", noFiles},
		{"tunnel rename " + here + " EDGE home ", "", noFiles},
		{"tunnel token " + here + " EDGE ", "home\noffice\t172.16.10.0/24, fd00:10::/64\n", noFiles},
		{"tunnel show " + here + " EDGE o", "office\t172.16.10.0/24, fd00:10::/64\n", noFiles},
		{"tunnel create ", "", noFiles},
		{"route add 172.16.10.0/24 " + here + " EDGE ", "home\noffice\t172.16.10.0/24, fd00:10::/64\n", noFiles},
		{"route add ", "", noFiles},
		{"route delete " + here + " EDGE fd", "fd00:10::/64\toffice\n", noFiles},
		{"route delete " + here + " EDGE ", "172.16.10.0/24\toffice\nfd00:10::/64\toffice\n", noFiles},
		{"route capture delete " + here + " EDGE ", "172.16.0.0/12\n", noFiles},
		{"connector revoke " + here + " EDGE ", "kcjs\toffice, gw1\nsq3n\toffice, gw2\n", noFiles},
		{"connector revoke " + here + " EDGE kcjs ", "sq3n\toffice, gw2\n", noFiles},
		{"connector list " + here + " EDGE h", "home\n", noFiles},
		{"policy explain " + here + " EDGE al", "alice@example.com\n", noFiles},
		{"policy explain alice t", "tcp\n", noFiles},

		{"device revoke " + here + " NOWHERE ", "", noFiles},
		{"tunnel token " + here + " NOWHERE ", "", noFiles},
		{"edge run --unreachable ", "answer\nsilent\n", noFiles},
		{"lab up --unreachable=s", "silent\n", noFiles},
		{"client up --lan ", "allow\ndeny\n", noFiles},
		{"connector run --hops ", "true\nsingle\n", noFiles},
		{"connector run --log-level d", "debug\n", noFiles},
		{"client up --mtu ", "", noFiles},
		{"lab exec --name no-such-lab ", "", noFiles},
		{"lab exec laptop -- ", "", files},
		{"client up --token-file ", "", files},
		{"client up --config ", "yaml\nyml\njson\n", someFiles},
		{"policy apply -f ", "yaml\nyml\njson\n", someFiles},
		{"client status --state-dir ", "", folders},
		{"client status ", "", noFiles},
	} {
		args := strings.Split(strings.NewReplacer("EDGE", dir, "NOWHERE", dir+"-not").Replace(c.args), " ")
		if values, directive := offeredFor(t, args...); values != c.values || directive != c.directive {
			t.Errorf("%s: %q %s, want %q %s", c.args, values, directive, c.values, c.directive)
		}
	}
}

// edgeThatKnows serves the admin API's lists on the socket of a state directory.
func edgeThatKnows(t *testing.T, dir string) {
	t.Helper()
	mux := http.NewServeMux()
	for path, body := range map[string]string{
		"/v1/tunnels":    `[{"name":"home"},{"name":"office","routes":["172.16.10.0/24","fd00:10::/64"]}]`,
		"/v1/devices":    `[{"id":"dtxo","user":"alice@example.com","name":"laptop"},{"id":"qhdh","user":"bob@example.com","name":"pc"}]`,
		"/v1/connectors": `[{"id":"kcjs","tunnel":"office","hostname":"gw1"},{"id":"sq3n","tunnel":"office","hostname":"gw2"}]`,
		"/v1/tokens":     `[{"id":"abcd","kind":"device","user":"alice@example.com"}]`,
		"/v1/routes":     `[{"prefix":"172.16.10.0/24","tunnel":"office"},{"prefix":"fd00:10::/64","tunnel":"office"}]`,
		"/v1/capture":    `["172.16.0.0/12"]`,
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) })
	}
	serveAs(t, dir, mux)
}

// serveAs answers on the socket of a state directory until the test ends.
func serveAs(t *testing.T, dir string, h http.Handler) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	ln, err := local.Listen(local.Socket(dir))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- local.ServeListener(ctx, ln, h, nil) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

// A shell does not hang where the edge does: it is offered nothing.
func TestCompletionDoesNotWaitForAnEdgeThatHangs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "edge")
	serveAs(t, dir, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	if values, directive := offeredFor(t, "tunnel", "show", "--state-dir", dir, ""); values != "" || directive != noFiles {
		t.Errorf("%q %s", values, directive)
	}
}

// No mark of ours is left in what a shell shows of flags.
func TestCompletionOfFlagsHasNoMarks(t *testing.T) {
	for _, c := range commands(newRootCmd("dev")) {
		path := strings.Fields(c.CommandPath())[1:]
		if out, _ := offeredFor(t, append(path, "--")...); strings.Contains(out, "`") {
			t.Errorf("%s: %s", c.CommandPath(), out)
		}
	}
	if out, _ := offeredFor(t, "client", "status", "--state"); !strings.Contains(out, "--state-dir\tstate DIR of the client") {
		t.Error(out)
	}
}
