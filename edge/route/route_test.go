package route

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/oneping/oneping/edge/model"
)

func TestLookup(t *testing.T) {
	route := func(prefix, tunnel string) model.Route {
		return model.Route{Prefix: netip.MustParsePrefix(prefix), Tunnel: tunnel}
	}
	table := Compile([]model.Route{
		route("172.16.0.0/12", "wide"), route("172.16.10.0/24", "home"), route("172.16.10.120/32", "one"), route("fd00::/64", "six"),
	})
	tests := []struct{ addr, tunnel, prefix string }{
		{"172.16.10.120", "one", "172.16.10.120/32"},
		{"172.16.10.121", "home", "172.16.10.0/24"},
		{"172.31.0.1", "wide", "172.16.0.0/12"},
		{"10.0.0.1", "", ""},
		{"fd00::5", "six", "fd00::/64"},
		{"fd00:0:0:1::5", "", ""},
	}
	for _, tt := range tests {
		e, ok := table.Lookup(netip.MustParseAddr(tt.addr))
		if ok != (tt.tunnel != "") || e.Tunnel != tt.tunnel || ok && e.Prefix.String() != tt.prefix {
			t.Errorf("%s: %+v %v, want %s by %s", tt.addr, e, ok, tt.tunnel, tt.prefix)
		}
		if got := table.Tunnel(netip.MustParseAddr(tt.addr)); got != tt.tunnel {
			t.Errorf("Tunnel(%s): %q, want %q", tt.addr, got, tt.tunnel)
		}
	}
	if n := table.Len(); n != 4 {
		t.Errorf("%d routes, want 4", n)
	}
}

// TestDefaultRoute: whatever no longer prefix holds goes to 0.0.0.0/0, and only in its family.
func TestDefaultRoute(t *testing.T) {
	table := Compile([]model.Route{
		{Prefix: netip.MustParsePrefix("0.0.0.0/0"), Tunnel: "exit"}, {Prefix: netip.MustParsePrefix("172.16.10.0/24"), Tunnel: "guest"},
	})
	for addr, want := range map[string]string{"172.16.10.120": "guest", "10.0.0.1": "exit", "fd00::5": ""} {
		if got := table.Tunnel(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s goes to %q, want %q", addr, got, want)
		}
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	var routes []model.Route
	for i := range 1000 {
		routes = append(routes, model.Route{Prefix: netip.MustParsePrefix(fmt.Sprintf("10.%d.%d.0/24", i/256, i%256)), Tunnel: "t"})
	}
	table := Compile(routes)
	a := netip.MustParseAddr("10.3.200.7")
	if n := testing.AllocsPerRun(1000, func() {
		if _, ok := table.Lookup(a); !ok {
			t.Fatal("no route")
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
