package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMistakenFiles: another file than the one that is wanted, or one that is not there, is answered
// with what to name; nothing has been made then that is lost.
func TestMistakenFiles(t *testing.T) {
	edge := startEdge(t)
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"policy.yaml": "grants:\n  - {id: a, who: [\"*\"], to: [\"*\"], how: [\"*\"]}\n",
		"cut.token":   "op1_eyJrIjoiZGV2aWNl\nIiwiZSI6WyIxMjcuMC4w\n",
		"half.token":  "op1_eyJrIjoiZGV2aWNlIiwiZSI6\n",
		"word.token":  "banana\n",
		"tab.yaml":    "advertise:\n\t- edge.example.com:7844\n",
		"list.yaml":   "advertise: edge.example.com:7844\n",
		"key.yaml":    "hop: [192.0.2.1]\n",
		"unit.yaml":   "mtu: 1400MB\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod("policy.yaml", 0o644); err != nil {
		t.Fatal(err)
	}
	const correct = "correct the file; unknown keys are errors so that a typing mistake is never ignored"
	for _, m := range []mistake{
		{words("client up --state-dir c --token-file policy.yaml"), "start client: read token from policy.yaml: it holds no token: no line begins with op1_", "name the file that the edge wrote, --output of oneping device token --user USER", 1},
		{words("client up --state-dir c --token-file ."), "start client: read token from .: is a directory", "name a file in that directory", 1},
		{words("connector run --state-dir c --token-file cut.token"), "read token from cut.token: lines 1 and 2 are not one token; was it broken into lines when it was copied?", "make one line of the token, and leave nothing else in the file but remarks (#)", 1},
		{words("policy apply -f nope.yaml"), "read policy: open nope.yaml: no such file or directory", "pass the path of a readable file", 1},
		{words("policy apply -f ."), "read policy: read .: is a directory", "pass the path of a readable file", 1},
		{words("lab up --policy nope.yaml"), "read policy: open nope.yaml: no such file or directory", "pass the path of a readable file", 1},
		{words("edge config check --config nope.yaml"), "read nope.yaml: no such file or directory", "pass the path of a readable file", 2},
		{words("edge config check --config ."), "read .: is a directory", "pass the path of a readable file", 2},
		{words("edge config check --config list.yaml"), "read list.yaml: line 1: advertise: want a list, such as [edge.example.com:7844]", correct, 2},
		{words("edge config check --config key.yaml"), `read key.yaml: line 1: unknown key "hop"; did you mean "hops"?`, correct, 2},
		{words("client config check --config unit.yaml"), `read unit.yaml: line 1: mtu: "1400MB" is not a whole number`, correct, 2},
		{words("tunnel create office --output no/connector.token --state-dir " + edge), "write token: open no/connector.token: no such file or directory", "make the directory first: mkdir -p no", 1},
		{words("tunnel show office --state-dir " + edge), "tunnel office does not exist", "list them: oneping tunnel list", 1},
		{words("device token --user alice@example.com --output . --state-dir " + edge), "write token: write .: a directory is not replaced by a file", "move it away, or name another file", 1},
		{words("client status --state-dir " + edge), "connect to " + filepath.Join(edge, "oneping.sock") + ": that is the socket of the edge, and not of the client", "name the state directory of the client: --state-dir DIR", 1},
		{words("connector status --ready --state-dir " + edge), "connect to " + filepath.Join(edge, "oneping.sock") + ": that is the socket of the edge, and not of the connector", "name the state directory of the connector: --state-dir DIR", 1},
	} {
		m.wantAnswer(t)
	}
	for _, name := range []string{"half.token", "word.token"} {
		_, said := exec(t, "connector", "run", "--state-dir", "c", "--token-file", name)
		if !strings.HasPrefix(said, "oneping: error: read token from "+name+": parse token: ") || !strings.Contains(said, "\nhint: make ") {
			t.Errorf("%s: %s", name, said)
		}
	}
	if _, said := exec(t, "edge", "config", "check", "--config", "tab.yaml"); !strings.Contains(said, "indent with spaces") {
		t.Errorf("a tab: %s", said)
	}
}
