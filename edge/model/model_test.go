package model

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/advice"
)

const keptAdvice = "no client can capture it; name the address that the server has in its network"

func TestCheckPrefix(t *testing.T) {
	for s, want := range map[string][2]string{
		"10.0.0.0/8":          {},
		"10.0.0.1/32":         {},
		"0.0.0.0/0":           {},
		"fd00::/64":           {},
		"10.0.0.1/8":          {"prefix 10.0.0.1/8 has bits set behind its length", "did you mean 10.0.0.0/8, or the one address 10.0.0.1/32?"},
		"::ffff:10.0.0.0/104": {"prefix ::ffff:10.0.0.0/104: IPv4 inside IPv6", "write the IPv4 prefix itself"},
		"224.0.0.0/4":         {"prefix 224.0.0.0/4 is multicast, which every host keeps to itself", keptAdvice},
		"239.1.2.3/32":        {"prefix 239.1.2.3/32 is multicast, which every host keeps to itself", keptAdvice},
		"ff00::/8":            {"prefix ff00::/8 is multicast, which every host keeps to itself", keptAdvice},
		"127.0.0.0/8":         {"prefix 127.0.0.0/8 is loopback, which every host keeps to itself", keptAdvice},
		"::1/128":             {"prefix ::1/128 is loopback, which every host keeps to itself", keptAdvice},
		"169.254.169.254/32":  {"prefix 169.254.169.254/32 is link-local, which every host keeps to itself", keptAdvice},
		"fe80::/64":           {"prefix fe80::/64 is link-local, which every host keeps to itself", keptAdvice},
		"0.0.0.0/32":          {"prefix 0.0.0.0/32 is the unspecified address, which every host keeps to itself", keptAdvice},
		"::/128":              {"prefix ::/128 is the unspecified address, which every host keeps to itself", keptAdvice},
		"255.255.255.255/32":  {"prefix 255.255.255.255/32 is broadcast, which every host keeps to itself", keptAdvice},
		"::/0":                {},
		"126.0.0.0/7":         {}, // more than loopback
	} {
		err := CheckPrefix(netip.MustParsePrefix(s))
		if want[0] == "" && err == nil {
			continue
		}
		if err == nil || err.Error() != want[0] || advice.Of(err) != want[1] {
			t.Errorf("%s: %v, hint %q; want %q, hint %q", s, err, advice.Of(err), want[0], want[1])
		}
	}
	if err := CheckPrefix(netip.Prefix{}); err == nil || err.Error() != "that is not a prefix" {
		t.Errorf("no prefix: %v", err)
	}
}

func TestIsTunnelName(t *testing.T) {
	for name, want := range map[string]bool{
		"office": true, "office-berlin": true, "a": true, "7": true, "": false, "-a": false, "a-": false, "Office": false, "a b": false, "a.b": false, "ä": false,
	} {
		if got := IsTunnelName(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestSnapshotLookups(t *testing.T) {
	route := func(p, tunnel string) Route { return Route{Prefix: netip.MustParsePrefix(p), Tunnel: tunnel} }
	then := time.Unix(1000, 0)
	sn := &Snapshot{
		Tunnels: map[string]Tunnel{"t1": {ID: "t1", Name: "office"}, "t2": {ID: "t2", Name: "t3"}, "t3": {ID: "t3", Name: "home"}},
		Routes:  []Route{route("10.0.0.0/8", "t1"), route("10.1.0.0/16", "t2"), route("fd00::/64", "t1")},
		Connectors: map[string]Connector{
			"b": {ID: "b", Tunnel: "t1", Created: then.Add(time.Second)}, "a": {ID: "a", Tunnel: "t1", Created: then}, "c": {ID: "c", Tunnel: "t2"},
		},
	}
	for name, want := range map[string]string{"office": "t1", "t1": "t1", "t3": "t3", "home": "t3", "none": ""} { // an id wins over a name
		if got, ok := sn.Tunnel(name); got.ID != want || ok != (want != "") {
			t.Errorf("tunnel %s: %q, %v", name, got.ID, ok)
		}
	}
	for addr, want := range map[string]string{"10.1.2.3": "t2", "10.2.0.1": "t1", "fd00::1": "t1", "192.0.2.1": ""} {
		if got, ok := sn.Lookup(netip.MustParseAddr(addr)); got.Tunnel != want || ok != (want != "") {
			t.Errorf("%s goes to %q, %v", addr, got.Tunnel, ok)
		}
	}
	if r, ok := sn.Route(netip.MustParsePrefix("10.1.0.0/16")); !ok || r.Tunnel != "t2" {
		t.Errorf("route %+v, %v", r, ok)
	}
	if _, ok := sn.Route(netip.MustParsePrefix("10.1.0.0/17")); ok {
		t.Error("a route of a prefix that has none")
	}
	if got := sn.RoutesOf("t1"); !slices.Equal(got, []Route{sn.Routes[0], sn.Routes[2]}) {
		t.Errorf("routes of t1: %v", got)
	}
	if got := sn.ConnectorsOf("t1"); len(got) != 2 || got[0].ID != "a" || got[1].ID != "b" {
		t.Errorf("connectors of t1, oldest first: %v", got)
	}
}
