//go:build linux

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// Addresses of a lab with two routers behind the connector, by family.
var rows = map[string][]string{
	"-4": {edgeV4, connectorV4, "172.16.10.1", "172.16.11.2", "172.16.12.120"},
	"-6": {edgeV6, connectorV6, "fd6f:6e65:7069:10::1", "fd6f:6e65:7069:11::2", "fd6f:6e65:7069:12::120"},
}

// TestRouters: routers behind the connector are hops, the same ones as on a path of
// Linux routers alone, and can be stopped like every node.
func TestRouters(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute")
	for name, flags := range map[string][]string{
		"oneping": {"--routers", "2", "--link", "r2-r1:mtu=1400"},
		"plain":   {"--routers", "2", "--link", "r2-r1:mtu=1400", "--plain"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, flags...)
			l.rowHops(t)
			l.stop("r1")
			l.poll("hops with r1 stopped", 10*time.Second, func() bool {
				out := l.exec("laptop", "traceroute", "-n", "-q1", "-w1", "-m3", "-I", rows["-4"][4]).stdout
				return slices.Equal(hops(out), []string{edgeV4, connectorV4, "*"})
			})
			l.up("r1")
			l.rowHops(t)
			if out := l.run("r1", "cat", "/sys/class/net/to-r2/mtu"); strings.TrimSpace(out) != "1400" {
				t.Errorf("mtu of r1's link to r2: %s", out)
			}
		})
	}
}

func (l *lab) rowHops(t *testing.T) {
	t.Helper()
	for flag, want := range rows {
		for _, probe := range probes {
			argv := slices.Concat([]string{flag, "-N4"}, probe, []string{want[4]})
			l.poll(strings.Join(argv, " ")+": "+strings.Join(want, " "), 15*time.Second, func() bool {
				return slices.Equal(l.trace("laptop", argv...), want)
			})
		}
	}
}
