//go:build linux

package e2e

import (
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// stage is a lab and the scenes that are played in it, one after the other.
type stage struct {
	name   string
	flags  []string
	ready  func(l *lab)
	scenes []scene
}

// TestTranscripts plays what docs/troubleshooting.md shows: each transcript there is what a person
// sees. CONTRIBUTING.md says how they are made.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "ping", "mtr", "tracepath", "ip", "nft", "sysctl", "nc")
	stages := []stage{classic(), silentEdge(), lostEdge(), behindRouters(), narrow()}
	allPlayed(t, stages)
	for _, s := range stages {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, s.flags...)
			if s.ready != nil {
				s.ready(l)
			}
			for _, scene := range s.scenes {
				t.Run(scene.name, func(t *testing.T) {
					if scene.root && l.rootless() {
						t.Skip("a user namespace of one group cannot close ping to it")
					}
					matchTranscript(t, scene.name, func(want string) string { return scene.play(l, want) })
				})
			}
		})
	}
}

// allPlayed fails where there is a transcript that no scene plays.
func allPlayed(t *testing.T, stages []stage) {
	t.Helper()
	played := make(map[string]bool)
	for _, s := range stages {
		for _, scene := range s.scenes {
			played[transcriptPath(scene.name)] = true
		}
	}
	files, err := filepath.Glob(transcriptPath("*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if !played[path] {
			t.Errorf("%s: no scene plays it", path)
		}
	}
}

// whole waits until the path of the classic lab is whole.
func (l *lab) whole() { l.t.Helper(); l.threeHops(families[0]) }

// What a traceroute is asked with where stars are expected: a second is enough here, and five lines are.
const impatient = "traceroute -I -w 1 -m 5 "

func classic() stage {
	return stage{
		name:  "classic",
		ready: func(l *lab) { l.settle(); l.whole() },
		scenes: []scene{
			{name: "well", typed: []typed{
				{node: "laptop", command: "traceroute -I 172.16.10.120"},
				{node: "laptop", command: "ping -c 2 172.16.10.120"},
				{node: "laptop", command: "oneping client status", keep: "^(link|path|captured)"},
				{node: "connector", command: "oneping connector status", keep: "^(link|path|tunnel|icmp)"},
				{node: "edge", command: "oneping route get 172.16.10.120"},
			}},
			{
				name: "connector-stopped", arrange: func(l *lab) { l.stop("connector") },
				typed: []typed{
					{node: "laptop", command: "traceroute -I 172.16.10.120"},
					{node: "laptop", command: "ping -c 1 172.16.10.120"},
					{node: "laptop", command: "mtr --report -c 2 172.16.10.120"},
					{node: "edge", command: "oneping route get 172.16.10.120"},
					{node: "connector", command: "oneping connector status"},
				},
				restore: func(l *lab) { l.up("connector"); l.whole() },
			},
			{
				name: "route-deleted", arrange: func(l *lab) { l.run("edge", "oneping", "route", "delete", "172.16.10.0/24") },
				typed: []typed{
					{node: "laptop", command: "traceroute -I 172.16.10.120"},
					{node: "laptop", command: "ping -c 1 172.16.10.120"},
					{node: "edge", command: "oneping route get 172.16.10.120"},
					{node: "edge", command: "oneping route list"},
				},
				restore: func(l *lab) { l.run("edge", "oneping", "route", "add", "172.16.10.0/24", "lab"); l.whole() },
			},
			{
				name: "ping-closed", root: true,
				arrange: func(l *lab) { l.pingGroups("1 0") },
				typed: []typed{
					{node: "laptop", command: "traceroute -I 172.16.10.120"},
					{node: "laptop", command: "traceroute 172.16.10.120"},
					{node: "connector", command: "oneping connector status", keep: "^(link|icmp|  )"},
				},
				restore: func(l *lab) { l.pingGroups("65534 65534"); l.whole() },
			},
			{
				name: "server-filters",
				arrange: func(l *lab) {
					l.run("server", "nft", "-f", l.file("filter", "table inet f {\nchain input { type filter hook input priority 0; meta l4proto icmp drop\nudp dport 1-65535 drop\n}\n}\n"))
				},
				typed: []typed{
					{node: "laptop", command: impatient + "172.16.10.120"},
					{node: "laptop", command: "traceroute -T -p 22 172.16.10.120"},
				},
				restore: func(l *lab) { l.run("server", "nft", "delete", "table", "inet", "f"); l.whole() },
			},
			{
				// A host remembers where its neighbour was: first there are stars.
				name: "server-stopped", arrange: func(l *lab) { l.stop("server") },
				typed: []typed{
					{node: "laptop", command: impatient + "172.16.10.120"},
					{
						node: "laptop", command: "traceroute -I 172.16.10.120",
						before: func(l *lab) { l.run("connector", "ip", "neigh", "flush", "to", "172.16.10.120") }, // as time does
					},
				},
				restore: func(l *lab) { l.up("server"); l.whole() },
			},
			{
				name: "client-stopped", arrange: func(l *lab) { l.stop("laptop") },
				typed: []typed{
					{node: "laptop", command: impatient + "172.16.10.120"},
					{node: "laptop", command: "ip route get 172.16.10.120"},
					{node: "laptop", command: "oneping client status"},
				},
				restore: func(l *lab) { l.up("laptop"); l.whole() },
			},
		},
	}
}

// pingGroups sets who may open ping sockets on the connector's host.
func (l *lab) pingGroups(groups string) {
	l.t.Helper()
	l.run("connector", "sysctl", "-qw", "net.ipv4.ping_group_range="+groups)
}

func silentEdge() stage {
	return stage{
		name: "silent", flags: []string{"--unreachable", "silent"},
		ready: func(l *lab) { l.whole() },
		scenes: []scene{{
			name: "silent-edge",
			arrange: func(l *lab) {
				l.stop("connector")
				l.poll("stars", 5*time.Second, func() bool { // once the loss of the connector is noticed
					return slices.Equal(l.trace("laptop", "-I", "-w1", "-m3", serverV4), []string{edgeV4, "*", "*"})
				})
			},
			typed: []typed{
				{node: "laptop", command: impatient + "172.16.10.120"},
				{node: "edge", command: "oneping route get 172.16.10.120"},
			},
			restore: func(l *lab) { l.up("connector"); l.whole() },
		}},
	}
}

func lostEdge() stage {
	return stage{
		name:  "lost",
		ready: func(l *lab) { l.whole() },
		scenes: []scene{{
			name: "edge-lost", arrange: func(l *lab) { l.kill("edge") },
			typed: []typed{
				{node: "laptop", command: impatient + "172.16.10.120"},
				{node: "laptop", command: impatient + "172.16.10.120", until: "\n 1  100.96.0.1"},
				{node: "laptop", command: "oneping client status", keep: "^(link|  )", until: "hint:"},
				{node: "edge", command: "oneping edge status"},
				{node: "connector", command: "oneping connector status", keep: "^(link|  )", until: "hint:"},
				{node: "connector", command: "oneping connector check", keep: "identity|edge|fix: let"},
			},
			restore: func(l *lab) { l.up("edge"); l.whole() },
		}},
	}
}
