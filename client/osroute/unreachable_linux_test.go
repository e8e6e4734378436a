package osroute

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestStopped: what a killed client captured is unreachable, and that of one that runs, what stays
// with the host, and the backstop of table T+1 are not.
func TestStopped(t *testing.T) {
	p := netip.MustParsePrefix
	killed, runs := slotClaim("oneping0", 0).Table, slotClaim("oneping1", 1).Table
	routes := []tableRoute{
		{table: stopTable(killed), kind: unreachable, dst: p("172.68.101.57/32")},
		{table: stopTable(killed), kind: unreachable, dst: p("fd6f:6e65::/32")},
		{table: stopTable(killed), kind: unreachable, dst: p("172.16.0.0/12")},
		{table: stopTable(killed), kind: throw, dst: p("10.2.0.0/24")},
		{table: stopTable(killed), kind: unreachable, dst: p("172.16.10.0/24")},
		{table: killed, kind: unicast, dst: p("172.16.0.0/12")},
		{table: killed + 1, kind: unreachable, dst: p("0.0.0.0/0")},
		{table: stopTable(runs), kind: unreachable, dst: p("10.0.0.0/8")},
		{table: tableMain, kind: unreachable, dst: p("10.9.0.0/16")},
	}
	want := []netip.Prefix{p("172.16.0.0/12"), p("fd6f:6e65::/32"), p("172.68.101.57/32")}
	if diff := cmp.Diff(want, stopped(routes, map[int]bool{1: true}), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}
