//go:build linux

package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestStatusOfAMachine: oneping status finds the role of each machine, says whether it is ready, and
// what is wrong: no link, stopped, killed.
func TestStatusOfAMachine(t *testing.T) {
	t.Parallel()
	needs(t, "ping")
	l := newLab(t)
	status := func(node string) result { t.Helper(); return l.exec(node, "oneping", "status") }
	for node, want := range map[string]string{
		"edge":      `^ROLE  STATE  RUNS AS +LINK\nedge  ready  process \d+ +1 device, 1 connector\n$`,
		"connector": `^ROLE       STATE  RUNS AS +LINK\nconnector  ready  process \d+ +up for \d+s to 192\.0\.2\.1:7844\n$`,
		"laptop":    `^ROLE    STATE  RUNS AS +LINK\nclient  ready  process \d+ +up for \d+s to 192\.0\.2\.1:7844\n$`,
		"server":    `^no role of oneping is set up on this machine\n$`,
	} {
		if r := status(node); r.code != 0 || !regexp.MustCompile(want).MatchString(r.stdout) {
			t.Errorf("%s: exit code %d\n%s%s", node, r.code, r.stdout, r.stderr)
		}
	}
	for node, want := range map[string]string{"edge": "", "connector": "", "laptop": "", "server": "no role of oneping runs on this machine, and none is a service"} {
		r := l.exec(node, "oneping", "status", "--ready")
		if (r.code == 0) != (want == "") || r.stdout != "" || !strings.Contains(r.stderr, want) {
			t.Errorf("%s --ready: exit code %d\n%s%s", node, r.code, r.stdout, r.stderr)
		}
	}
	l.stop("edge")
	l.poll("the laptop's status says that it has no link", 20*time.Second, func() bool {
		r := status("laptop")
		return r.code == 0 && strings.Contains(r.stdout, "\nclient  not ready  process ") && strings.Contains(r.stdout, "; it tries 192.0.2.1:7844\n") &&
			strings.Contains(r.stdout, "\nclient: the client has no link to an edge: ") && strings.Contains(r.stdout, "\nhint: ")
	})
	if r := status("edge"); !strings.Contains(r.stdout, "\nedge  stopped  -        -\n") || !strings.Contains(r.stdout, "\nhint: start it: oneping edge run\n") {
		t.Errorf("a stopped edge:\n%s%s", r.stdout, r.stderr)
	}
	l.killedAndSaid()
}

// killedAndSaid kills the laptop's client: whoever asks hears what it left, and what to do, and that
// is gone with repair.
func (l *lab) killedAndSaid() {
	l.t.Helper()
	l.kill("laptop")
	const left = "it was killed, and what it captured is unreachable now: 172.16.0.0/12, fd6f:6e65:7069:10::/60, "
	const way = "hint: to have it back: oneping client up; to give this machine back what it was: oneping client repair\n"
	for words, want := range map[string]string{
		"status":                left,
		"status --ready":        "oneping: error: client: " + left,
		"client status":         "oneping: error: no client is running with state directory /oneping-lab/laptop/client: " + left,
		"client status --ready": "oneping: error: no client is running with state directory /oneping-lab/laptop/client: " + left,
	} {
		r := l.exec("laptop", append([]string{"oneping"}, strings.Fields(words)...)...)
		if out := r.stdout + r.stderr; !strings.Contains(out, want) || !strings.HasSuffix(out, "\n"+way) {
			l.t.Errorf("oneping %s: exit code %d\n%s", words, r.code, out)
		}
	}
	var roles []struct {
		Role, State string
		Unreachable []string
	}
	l.json("laptop", &roles, "oneping", "status", "--json")
	if got := fmt.Sprint(roles); !strings.HasPrefix(got, "[{client killed [172.16.0.0/12 fd6f:6e65:7069:10::/60 ") {
		l.t.Errorf("status --json: %s", got)
	}
	l.run("laptop", "oneping", "client", "repair")
	if r := l.exec("laptop", "oneping", "status"); strings.Contains(r.stdout, "unreachable") || !strings.Contains(r.stdout, "\nclient  stopped  -        -\n") {
		l.t.Errorf("after repair:\n%s", r.stdout)
	}
}

// TestAskedOnTheWrongMachine: who asks a role that is another machine's hears where to ask, and how
// this one would become one.
func TestAskedOnTheWrongMachine(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	const onTheEdge = "hint: run this on the edge's machine: this one is a "
	for where, want := range map[string]string{
		"laptop: device list":         onTheEdge + "client of the edge at 192.0.2.1:7844\n",
		"laptop: tunnel list":         onTheEdge + "client of the edge at 192.0.2.1:7844\n",
		"laptop: route list":          onTheEdge + "client of the edge at 192.0.2.1:7844\n",
		"laptop: policy show":         onTheEdge + "client of the edge at 192.0.2.1:7844\n",
		"laptop: edge status":         onTheEdge + "client of the edge at 192.0.2.1:7844\n",
		"connector: connector list":   onTheEdge + "connector of the edge at 192.0.2.1:7844\n",
		"server: device list":         "hint: run this on the edge's machine; to have an edge on this one: oneping edge run\n",
		"edge: client status":         "hint: ask it on its own machine; to make this one a client: oneping client up --token-file FILE, with what the edge prints: oneping device token --user USER\n",
		"laptop: connector status":    "hint: ask it on its own machine; to make this one a connector: oneping connector run --token-file FILE, with what the edge prints: oneping tunnel token NAME\n",
		"laptop: client down":         "hint: this is a node of a lab: outside of it, oneping lab stop laptop\n",
		"connector: connector logs":   "hint: this is a node of a lab: outside of it, oneping lab logs connector\n",
		"server: up":                  "hint: oneping status shows what there is; sudo oneping ROLE service install makes a role one\n",
		"server: client down":         "hint: oneping client up runs it in the foreground; sudo oneping client service install --token-file FILE (the edge prints a token: oneping device token --user USER) makes it a service\n",
		"server: connector restart":   "hint: oneping connector run runs it in the foreground; sudo oneping connector service install --token-file FILE (the edge prints a token: oneping tunnel token NAME) makes it a service\n",
		"server: edge logs":           "hint: oneping edge run runs it in the foreground; sudo oneping edge service install makes it a service\n",
		"laptop: edge restart":        "hint: oneping edge run runs it in the foreground; sudo oneping edge service install makes it a service\n",
		"connector: restart":          "hint: end it where it was started, with Ctrl-C, and start it there\n",
		"laptop: down --for 10m":      "hint: this is a node of a lab: outside of it, oneping lab stop laptop\n",
		"laptop: client service stop": "hint: did you mean oneping client down?\n",
	} {
		node, words, _ := strings.Cut(where, ": ")
		r := l.exec(node, append([]string{"oneping"}, strings.Fields(words)...)...)
		if r.code == 0 || r.stdout != "" || !strings.HasPrefix(r.stderr, "oneping: error: ") || !strings.HasSuffix(r.stderr, "\n"+want) {
			t.Errorf("%s: exit code %d\n%s%s\nwant\n%s", where, r.code, r.stdout, r.stderr, want)
		}
	}
}
