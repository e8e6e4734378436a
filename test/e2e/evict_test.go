//go:build linux

package e2e

import (
	"strings"
	"testing"
	"time"
)

// enrolledConnector is a connector as `connector list --json` shows it.
type enrolledConnector struct {
	ID      string `json:"id"`
	Tunnel  string `json:"tunnel"`
	Revoked bool   `json:"revoked"`
	Link    *struct {
		Remote string `json:"remote"`
	} `json:"link"`
}

// theConnector returns the only connector that the edge lists.
func (l *lab) theConnector() enrolledConnector {
	l.t.Helper()
	var list []enrolledConnector
	l.json("edge", &list, "oneping", "connector", "list", "--json")
	if len(list) != 1 || list[0].Tunnel != "lab" {
		l.t.Fatalf("connectors: %+v", list)
	}
	return list[0]
}

// A rotation that evicts ends the link of a connector that has the old token; where its token file is
// the new one it comes back by itself, as another. One that was revoked does not, although its token
// is good: its key is refused, and the laptop is told that the host is unreachable.
func TestConnectorIsPutOut(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute")
	l := newLab(t)
	first := l.theConnector()
	if first.Link == nil {
		t.Fatalf("the connector is not up: %+v", first)
	}
	l.run("edge", "sh", "-c", "oneping tunnel token lab --rotate --evict >/oneping-lab/connector/token")
	l.logged("edge", "connector evict")
	l.logged("connector", "link down", "closed by peer: revoked: revoked or deleted by an administrator")
	l.poll("the connector to come back with the new token", 20*time.Second, func() bool {
		var list []enrolledConnector
		l.json("edge", &list, "oneping", "connector", "list", "lab", "--json")
		return len(list) == 1 && list[0].ID != first.ID && list[0].Link != nil
	})
	l.wantTrace("after it came back", "laptop", []string{"-I", serverV4}, edgeV4, connectorV4, serverV4)

	second := l.theConnector()
	r := l.exec("edge", "oneping", "connector", "revoke", second.ID[:8])
	if r.code != 0 || r.stdout != "connector "+second.ID+" of tunnel lab revoked\n" ||
		!strings.Contains(r.stderr, "hint: the token of lab still enrols others; to make it useless: oneping tunnel token lab --rotate\n") {
		t.Errorf("revoke: %d, %q, %q", r.code, r.stdout, r.stderr)
	}
	l.logged("edge", "connector revoke")
	l.logged("edge", "enrolment refused", "connector "+second.ID+" was revoked")
	l.logged("connector", "connector "+second.ID+" was revoked")
	if now := l.theConnector(); !now.Revoked || now.Link != nil || now.ID != second.ID {
		t.Errorf("listed: %+v", now)
	}
	l.wantTrace("without a connector", "laptop", []string{"-I", serverV4}, edgeV4, edgeV4+" !H")
}
