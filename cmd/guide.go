package cmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/oneping/oneping/edge"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/proto"
)

// guide is what a person types next, on each machine, after an edge was set up.
type guide struct {
	stateDir string // "" = the default, which needs no flag
	run      string // the command line that starts this edge; "" = it runs already
	edges    []string
	pin      [32]byte
}

// newGuide returns what to type next; run is the command line that starts the edge, empty when it
// runs.
func newGuide(setup edge.Setup, cfg edge.Config, run ...string) *guide {
	g := &guide{edges: setup.Edges, pin: setup.Pin}
	if cfg.StateDir != process.StateDir(proto.RoleEdge) {
		g.stateDir = cfg.StateDir
	}
	if len(run) > 0 {
		g.run = commandLine(run...)
	}
	return g
}

// write writes the commands in order, each on a line of its own, ready to be copied.
func (g *guide) write(w io.Writer) error {
	dir := ""
	if g.stateDir != "" {
		dir = " --state-dir " + quote(g.stateDir)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "The authority of this edge is set up; its key is SHA-256 %x.\n", g.pin)
	if len(g.edges) > 0 {
		fmt.Fprintf(&b, "Nodes reach the edge at %s (UDP).\n", strings.Join(g.edges, ", "))
	}
	step := 1
	say := func(title string, commands ...string) {
		fmt.Fprintf(&b, "\n%d. %s\n\n", step, title)
		for _, c := range commands {
			fmt.Fprintf(&b, "   %s\n", c)
		}
		step++
	}
	if g.run != "" {
		say("Start the edge, here:", g.run)
	}
	say("Say what is behind it and who may reach that, here, in another terminal:",
		"oneping tunnel create office --route 172.16.10.0/24 --output connector.token"+dir,
		`printf '%s\n' 'groups: {eng: [alice@example.com]}' 'grants:' \`,
		`  '  - {id: eng-office, who: [group:eng], to: [172.16.10.0/24], how: [trace, "udp:53", "tcp:*"]}' \`,
		"  > policy.yaml",
		"oneping policy apply -f policy.yaml"+dir,
		"oneping device token --user alice@example.com --output laptop.token"+dir,
	)
	say("On a host inside 172.16.10.0/24, with connector.token copied there (no root needed):",
		"oneping connector run --token-file connector.token")
	say("On the laptop, with laptop.token copied there (good once, within an hour):",
		"sudo oneping client up --token-file laptop.token")
	say("On the laptop, see the path:",
		"oneping trace 172.16.10.120")
	_, err := io.WriteString(w, b.String())
	return err
}

// quote makes a word safe for a shell where it needs that.
func quote(s string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-:@%+=,[]", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !safe(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// commandLine joins words as a shell reads them.
func commandLine(words ...string) string {
	for i, w := range words {
		words[i] = quote(w)
	}
	return strings.Join(words, " ")
}
