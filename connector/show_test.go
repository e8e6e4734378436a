package connector

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/link"
)

func TestStatusText(t *testing.T) {
	since := time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		s    Status
		want string
	}{
		{
			Status{
				Up: true, Since: since, Edge: "e1", Tunnel: "lab", ID: "r1", ICMP: "ping", Mappings: 2, Sessions: 3, Flows: 4,
				Link: &link.Info{Remote: netip.MustParseAddrPort("192.0.2.1:7844"), RTT: 1234567, PathMTU: 1452}, Reasons: map[string]uint64{"ok": 5, "forbidden": 1},
				Unkept: Unkept{SourcePorts: 2, OtherPorts: 1},
			},
			`link     up for 1m0s to 192.0.2.1:7844 (edge e1)
path     RTT 1.23ms, path MTU 1452 (still being discovered)
loss     not known: hardly anything was sent in the last minute
tunnel   lab, connector id r1
icmp     ping
traffic  2 ICMP mappings, 3 UDP sessions, 4 TCP flows
packets  5 ok, 1 forbidden
limits   2 sessions from a port below 1024, which left from another; 1 session of TFTP, whose answers come from another port and are lost
         hint: a connector without privileges cannot do that: docs/unprivileged.md
`,
		},
		{
			Status{Since: since, LastError: "no answer", LastHint: "is it running?", Edges: []string{"e:7844"}, ICMP: "off: no", ICMPHint: "do this"},
			`link     down for 1m0s to e:7844
         no answer
         hint: is it running?
icmp     off: no
         hint: do this
traffic  0 ICMP mappings, 0 UDP sessions, 0 TCP flows
packets  none
`,
		},
	} {
		var b strings.Builder
		if err := c.s.WriteText(&b, since.Add(time.Minute)); err != nil || b.String() != c.want {
			t.Errorf("%v\ngot\n%s\nwant\n%s", err, b.String(), c.want)
		}
	}
}

func TestReadiness(t *testing.T) {
	up, down := Status{Up: true}, Status{LastError: "no answer"}
	if err := up.Ready(); err != nil {
		t.Error(err)
	}
	if err := down.Ready(); err == nil || err.Error() != "the connector has no link to an edge: no answer" {
		t.Errorf("got %v", err)
	}
}
