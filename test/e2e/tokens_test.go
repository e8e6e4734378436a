//go:build linux

package e2e

import (
	"encoding/base64"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// refusal is a node that an edge does not let in.
type refusal struct {
	name string
	node string   // where it runs
	argv []string // without --state-dir
	says string   // what the node says
	hint string
	edge []string // what the edge logs; nil: it never asks the edge
}

// Tokens that are used, expired, rotated or another edge's are refused; node and edge both say why.
func TestRefusedTokens(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	short := l.token("device", "token", "--user", "carol@example.com", "--ttl", "1s")
	expired := time.Now().Add(time.Second)
	old := l.token("tunnel", "token", "lab")
	fresh := l.token("tunnel", "token", "lab", "--rotate")
	if old == fresh {
		t.Error("rotate printed the same token again")
	}
	foreign := moved(t, l.otherEdge("device", "token", "--user", "carol@example.com"))
	client := []string{"oneping", "client", "up", "--tun", "oneping9", "--token-file"}
	connector := []string{"oneping", "connector", "run", "--token-file"}
	<-time.After(time.Until(expired)) // its life, which it has to have lived
	for _, c := range []refusal{
		{
			"a used device token", "laptop", append(client, "/oneping-lab/laptop/token"),
			"the edge refused: the token was used already", "make a new one on the edge: oneping device token --user USER",
			[]string{"enrolment refused", "the token was used already"},
		},
		{
			"an expired device token", "laptop", append(client, l.secret("short", short)),
			"the edge refused: the token expired", "make a new one on the edge: oneping device token --user USER",
			[]string{"enrolment refused", "the token expired"},
		},
		{
			"a rotated tunnel token", "connector", append(connector, l.secret("old", old)),
			"the edge refused: the token was rotated: a newer one replaced it", "print the present one on the edge: oneping tunnel token NAME",
			[]string{"enrolment refused", "the token was rotated: a newer one replaced it"},
		},
		{
			"another edge's token", "laptop", append(client, l.secret("foreign", foreign)),
			"the token is for another edge: the authority at this address has another key", "Make a new token there",
			[]string{"enrolment declined by the node", "the token is for another edge: the authority at this address has another key"},
		},
		{
			"a tunnel token for a client", "laptop", append(client, l.secret("fresh", fresh)),
			"that is a tunnel token; a client needs a device token", "make one on the edge: oneping device token --user USER", nil,
		},
		{
			"half a token", "laptop", append(client, l.secret("half", fresh[:len(fresh)/2])),
			"read token from ", "make a new one on the edge", nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) { l.refuses(t, c) })
	}
	devices := l.edgeStatus().Devices
	if len(devices) != 1 || devices[0].User != "alice@example.com" {
		t.Errorf("connected devices: %+v", devices)
	}
}

// refuses runs the node, which has to end by itself.
func (l *lab) refuses(t *testing.T, c refusal) {
	t.Helper()
	r := l.exec(c.node, append(c.argv, "--state-dir", filepath.Join(l.dir, "refused"))...)
	if r.code != 1 || r.stdout != "" || !strings.Contains(r.stderr, "oneping: error: ") || !strings.Contains(r.stderr, c.says) {
		t.Errorf("exit code %d, want 1 and %q in\n%s%s", r.code, c.says, r.stdout, r.stderr)
	}
	if _, hint, _ := strings.Cut(r.stderr, "\nhint: "); !strings.Contains(hint, c.hint) {
		t.Errorf("no hint %q in\n%s", c.hint, r.stderr)
	}
	if c.edge != nil {
		l.logged("edge", c.edge...)
	}
}

// token runs a command of the edge that prints a token.
func (l *lab) token(args ...string) string {
	l.t.Helper()
	return strings.TrimSpace(l.run("edge", append([]string{"oneping"}, args...)...))
}

// moved returns the token with the address of the first edge.
func moved(t *testing.T, token string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(token, "op1_"))
	if err != nil {
		t.Fatal(err)
	}
	return "op1_" + base64.RawURLEncoding.EncodeToString([]byte(strings.ReplaceAll(string(raw), ":7845", ":7844")))
}
