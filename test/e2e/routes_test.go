//go:build linux

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/proto"
)

// captures waits until the laptop has all that the edge wants, and returns what it captures.
func (l *lab) captures(want int, within time.Duration) []string {
	l.t.Helper()
	var s captureStatus
	l.poll(fmt.Sprintf("%d prefixes captured", want), within, func() bool {
		s = captureStatus{}
		l.json("laptop", &s, "oneping", "client", "status", "--json")
		return len(s.Capture) == want && s.Configuration != nil && !s.Configuration.Behind()
	})
	return s.Capture
}

// The newest configuration arrives, however slow the link is and however many there were: a
// thousand routes in seconds over 1 Mbit/s once left the laptop with half of them for ever, and the
// rest of its traffic outside the tunnel.
func TestManyRoutesOverASlowLink(t *testing.T) {
	t.Parallel()
	needs(t, "ip")
	const added = 1000
	l := newLab(t, "--link", "laptop-edge:rate=1mbit,delay=20ms")
	var before captureStatus
	l.json("laptop", &before, "oneping", "client", "status", "--json")
	l.run("edge", "tool", "routes", "-n", fmt.Sprint(added), "lab")
	all := len(before.Capture) + added
	got := l.captures(all, 10*time.Second)
	if !slices.Contains(got, fmt.Sprintf("10.%d.%d.0/24", (added-1)>>8, (added-1)&255)) {
		t.Error("the last one is not among them")
	}
	if out := l.run("laptop", "sh", "-c", "ip route show table all | grep -c '^10\\..* dev oneping0'"); strings.TrimSpace(out) != fmt.Sprint(added) {
		t.Errorf("the laptop's kernel has %s routes through the device, want %d", strings.TrimSpace(out), added)
	}
	if r := l.statusReady("laptop"); r.code != 0 {
		t.Errorf("not ready: %s", r.stderr)
	}
	var devices []struct {
		Link struct{ Configuration *proto.Progress }
	}
	l.json("edge", &devices, "oneping", "device", "list", "--json")
	if c := devices[0].Link.Configuration; c == nil || c.Behind() || c.Newest == 0 {
		t.Errorf("the edge says that the laptop has %+v", c)
	}
}

// The answers of edge and routers come from addresses to which a laptop without default route
// has no way but the device, and strict reverse path filters do not eat them.
func TestStrictLaptop(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "ip")
	l := newLab(t)
	settings := `echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter && ip route del default && ip -6 route del default`
	l.run("laptop", "sh", "-c", settings)
	for _, restarted := range []bool{false, true} {
		if restarted { // the client meets them at its start
			l.stop("laptop")
			l.up("laptop")
		}
		for _, f := range families {
			l.traces(fmt.Sprintf("restarted %v:", restarted), f, []string{f.edge, f.connector, f.server})
		}
	}
}
