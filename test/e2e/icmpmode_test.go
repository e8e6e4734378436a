//go:build linux

package e2e

import (
	"strings"
	"testing"
	"time"
)

// The edge shows how a connector does ICMP now, not how it did when its link began: the group range
// of ping sockets is closed before the connector starts, and opened while its link is up.
func TestEdgeShowsTheICMPModeOfNow(t *testing.T) {
	l := newLab(t)
	if l.rootless() {
		t.Skip("a user namespace of one group cannot close ping to it")
	}
	l.stop("connector")
	l.pingGroups("1 0")
	l.up("connector")
	wantMode := func(mode string) {
		t.Helper()
		for _, c := range [][]string{{"connector", "oneping", "connector", "status"}, {"edge", "oneping", "tunnel", "show", "lab"}} {
			var r result
			l.poll(strings.Join(c, " ")+" shows "+mode, 15*time.Second, func() bool {
				r = l.exec(c[0], c[1:]...)
				return strings.Contains(r.stdout, mode)
			})
		}
	}
	wantMode("off: ")
	began := l.connectorSince()
	l.pingGroups("0 2147483647")
	wantMode("ping")
	if now := l.connectorSince(); !now.Equal(began) {
		t.Errorf("the connector's link of %v is another one now, of %v", began, now)
	}
}

// connectorSince returns since when the connector is up.
func (l *lab) connectorSince() time.Time {
	l.t.Helper()
	var s struct{ Since time.Time }
	l.json("connector", &s, "oneping", "connector", "status", "--json")
	return s.Since
}
