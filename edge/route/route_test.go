package route

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/oneping/oneping/edge/state"
)

func TestLookup(t *testing.T) {
	route := func(prefix, tunnel, vnet string) state.Route {
		return state.Route{Prefix: netip.MustParsePrefix(prefix), Tunnel: tunnel, VNet: vnet}
	}
	f := Compile([]state.Route{
		route("172.16.0.0/12", "wide", ""), route("172.16.10.0/24", "home", ""), route("172.16.10.120/32", "one", ""),
		route("0.0.0.0/0", "exit", "guest"), route("172.16.10.0/24", "guest", "guest"), route("fd00::/64", "six", ""),
	})
	tests := []struct{ vnet, addr, tunnel, prefix string }{
		{"", "172.16.10.120", "one", "172.16.10.120/32"},
		{"", "172.16.10.121", "home", "172.16.10.0/24"},
		{"", "172.31.0.1", "wide", "172.16.0.0/12"},
		{"", "10.0.0.1", "", ""},
		{"", "fd00::5", "six", "fd00::/64"},
		{"", "fd00:0:0:1::5", "", ""},
		{"guest", "172.16.10.120", "guest", "172.16.10.0/24"},
		{"guest", "10.0.0.1", "exit", "0.0.0.0/0"},
		{"guest", "fd00::5", "", ""},
		{"nowhere", "172.16.10.120", "", ""},
	}
	for _, tt := range tests {
		e, ok := f.VNet(tt.vnet).Lookup(netip.MustParseAddr(tt.addr))
		if ok != (tt.tunnel != "") || e.Tunnel != tt.tunnel || ok && e.Prefix.String() != tt.prefix {
			t.Errorf("%s in %q: %+v %v, want %s by %s", tt.addr, tt.vnet, e, ok, tt.tunnel, tt.prefix)
		}
		if got := f.VNet(tt.vnet).Tunnel(netip.MustParseAddr(tt.addr)); got != tt.tunnel {
			t.Errorf("Tunnel(%s) in %q: %q, want %q", tt.addr, tt.vnet, got, tt.tunnel)
		}
	}
	if n := f.VNet("").Len(); n != 4 {
		t.Errorf("%d routes, want 4", n)
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	var routes []state.Route
	for i := range 1000 {
		routes = append(routes, state.Route{Prefix: netip.MustParsePrefix(fmt.Sprintf("10.%d.%d.0/24", i/256, i%256)), Tunnel: "t"})
	}
	table := Compile(routes).VNet("")
	a := netip.MustParseAddr("10.3.200.7")
	if n := testing.AllocsPerRun(1000, func() {
		if _, ok := table.Lookup(a); !ok {
			t.Fatal("no route")
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
