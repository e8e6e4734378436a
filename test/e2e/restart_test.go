//go:build linux

package e2e

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// replied is a line of ping for a reply; its group is the sequence.
var replied = regexp.MustCompile(`bytes from \S+ icmp_seq=(\d+)`)

// A running ping goes on after its edge or its connector was killed and came back: what was in
// between is lost, the identifier that the server sees stays.
func TestRunningPingSurvivesRestarts(t *testing.T) {
	needs(t, "ping")
	for _, node := range []string{"edge", "connector"} {
		t.Run(node, func(t *testing.T) {
			l := newLab(t)
			c := l.capture("server", "eth0")
			p := l.start("laptop", "ping", "-n", "-i", "0.1", serverV4)
			p.waitFor("icmp_seq=5 ttl=62")
			l.kill(node)
			began := time.Now()
			l.up(node)
			p.until("replies after the restart", 15*time.Second, func(r result) bool {
				seqs := replied.FindAllStringSubmatch(r.stdout, -1)
				return len(seqs) >= 30
			})
			t.Logf("replies again %v after the start", time.Since(began).Round(time.Millisecond))
			p.interrupt()
			var idents []uint16
			for _, one := range c.stop(func(p *captured) bool { return p.ok == packet.OK && p.IsEchoRequest() }) {
				if !slices.Contains(idents, one.Ident) {
					idents = append(idents, one.Ident)
				}
			}
			if len(idents) != 1 {
				t.Errorf("the server saw identifiers %v, want one", idents)
			}
		})
	}
}
