package cmd

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/edge/admin"
)

func TestShowConnectedNodes(t *testing.T) {
	now := time.Now()
	up := &admin.Presence{Remote: netip.MustParseAddrPort("192.0.2.1:50000"), Since: now.Add(-90 * time.Second), ICMP: "ping"}
	l := admin.Lookup{
		Addr: netip.MustParseAddr("10.1.2.3"), Captured: true,
		Route: &admin.Route{Prefix: netip.MustParsePrefix("10.0.0.0/8"), Tunnel: "lab", Connected: 1},
		Connectors: []admin.Connector{
			{ID: "up", Hostname: "one", OS: "linux/amd64", Link: up}, {ID: "down", Hostname: "two", OS: "linux/arm64"},
		},
	}
	var out strings.Builder
	if err := writeLookup(&out, &l, now); err != nil {
		t.Fatal(err)
	}
	want := `address     10.1.2.3
captured    clients send it into oneping
route       10.0.0.0/8
tunnel      lab
connectors  1 connected

CONNECTOR  HOST  STATE            FROM             ICMP  SYSTEM
up         one   up 1m            192.0.2.1:50000  ping  linux/amd64
down       two   never connected  -                -     linux/arm64
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// What is said of an address that nobody serves is what traceroute will print, and what to do.
func TestShowLookupOfNoUse(t *testing.T) {
	addr := netip.MustParseAddr("10.1.2.3")
	routed := &admin.Route{Prefix: netip.MustParsePrefix("10.0.0.0/8"), Tunnel: "lab"}
	const head = "address   10.1.2.3\ncaptured  clients send it into oneping\n"
	const routedHead = "address     10.1.2.3\ncaptured    clients send it into oneping\nroute       10.0.0.0/8\ntunnel      lab\n"
	const look = "            hint: on the machine of a connector: oneping connector status; oneping connector check\n"
	for _, c := range []struct {
		l    admin.Lookup
		want string
	}{
		{
			admin.Lookup{Addr: addr, Captured: true},
			head + "route     none: what policy grants is answered with net unreachable, traceroute prints !N\n          hint: oneping route add PREFIX TUNNEL\n",
		},
		{
			admin.Lookup{Addr: netip.MustParseAddr("127.0.0.1"), Kept: "loopback"},
			"address   127.0.0.1\ncaptured  every host keeps it to itself: it is loopback\nroute     none: no client sends it here\n",
		},
		{
			admin.Lookup{Addr: addr, Captured: true, Silent: true},
			head + "route     none: what policy grants is dropped (unreachable: silent), traceroute prints stars\n          hint: oneping route add PREFIX TUNNEL\n",
		},
		{
			admin.Lookup{Addr: addr, Captured: true, Route: routed},
			routedHead + "connectors  none connected: what policy grants is answered with host unreachable, traceroute prints !H\n" + look,
		},
		{
			admin.Lookup{Addr: addr, Captured: true, Route: routed, Silent: true},
			routedHead + "connectors  none connected: what policy grants is dropped (unreachable: silent), traceroute prints stars\n" + look,
		},
	} {
		var out strings.Builder
		if err := writeLookup(&out, &c.l, time.Now()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, out.String()); diff != "" {
			t.Error(diff)
		}
	}
}
