//go:build linux

package e2e

import (
	"strings"
	"testing"
	"time"
)

// The datagrams of one UDP session arrive in the order in which they left, large and small, in both directions
// (DESIGN §3.4 no. 12).
func TestUDPOrder(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	server := l.serve("server", "udp-order-serve", ":5555")
	down := l.run("laptop", "tool", "udp-order", "-n", "200", serverV4+":5555")
	server.until("its burst", 10*time.Second, func(r result) bool { return strings.Count(r.stdout, "up:") == 2 })
	for _, out := range []string{server.output().stdout, down} {
		if !strings.Contains(out, " received, 0 late") || strings.Count(out, " 0 late") != strings.Count(out, "late") {
			t.Errorf("out of order:\n%s", out)
		}
	}
	t.Log(strings.ReplaceAll(server.output().stdout+down, "\n", "; "))
}
