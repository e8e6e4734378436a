package edge

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/term"
	"github.com/oneping/oneping/proto"
)

const (
	// newFor is for how long the status names a connector as new.
	newFor = 24 * time.Hour
	// maxNew is how many it names; `connector list` shows them all.
	maxNew = 3
)

// NewConnector is a connector that has lately joined others in serving a tunnel: whoever has the
// tunnel's token may have sent it.
type NewConnector struct {
	ID       string         `json:"id"`
	Tunnel   string         `json:"tunnel"` // name
	Hostname string         `json:"hostname"`
	Remote   netip.AddrPort `json:"remote,omitzero"` // where it is connected
	Created  time.Time      `json:"created"`
}

// newConnectors returns those of the last day, the newest first; the first of a tunnel is not news.
func (e *Edge) newConnectors(sn *model.Snapshot, now time.Time) []NewConnector {
	out := []NewConnector{}
	for id, t := range sn.Tunnels {
		known := false
		for _, c := range sn.ConnectorsOf(id) {
			if c.Revoked {
				continue
			}
			if known && now.Sub(c.Created) < newFor {
				n := NewConnector{ID: c.ID, Tunnel: t.Name, Hostname: c.Hostname, Created: c.Created}
				if l := e.acceptor.nodes.get(proto.Identity{Role: proto.RoleConnector, ID: c.ID, Tunnel: id}); l != nil {
					n.Remote = l.l.Remote()
				}
				out = append(out, n)
			}
			known = true
		}
	}
	slices.SortFunc(out, func(a, b NewConnector) int { return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.ID, b.ID)) })
	return out
}

// newcomers writes a row for each of the newest.
func newcomers(t *term.Table, list []NewConnector, now time.Time) {
	for i := range list[:min(maxNew, len(list))] {
		n := &list[i]
		text := fmt.Sprintf("connector %s of %s, host %s", n.ID, n.Tunnel, cmp.Or(n.Hostname, "unknown"))
		if n.Remote.IsValid() {
			text += ", " + n.Remote.String()
		}
		t.Row("new", text+", enrolled "+term.Span(now.Sub(n.Created))+" ago")
		t.Hint("if it is not yours: oneping connector revoke " + n.ID)
	}
	if len(list) > maxNew {
		t.Row("new", fmt.Sprintf("and %d more: oneping connector list", len(list)-maxNew))
	}
}
