package osroute

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
)

// bytesOf decodes hex with spaces.
func bytesOf(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const noMetrics = "00000000 00000000 00000000 00000000 00000000 00000000 00000000 " +
	"00000000 00000000 00000000 00000000 00000000 00000000 00000000"

func TestRouteMessages(t *testing.T) {
	for _, tc := range []struct {
		name  string
		kind  byte
		route hostRoute
		want  string
	}{
		{
			"add 172.16.0.0/13 by interface 18", rtmAdd,
			hostRoute{dst: netip.MustParsePrefix("172.16.0.0/13")},
			"9000 05 01 1200 0000 01080000 07000000 00000000 07000000 00000000 00000000 00000000" + noMetrics +
				"10 02 0000 ac100000 0000000000000000" +
				"14 12 1200 00 00 00 00 000000000000000000000000" +
				"10 02 0000 fff80000 0000000000000000",
		},
		{
			"delete host 172.68.101.57", rtmDelete,
			hostRoute{dst: netip.MustParsePrefix("172.68.101.57/32")},
			"8000 05 02 1200 0000 05080000 03000000 00000000 07000000 00000000 00000000 00000000" + noMetrics +
				"10 02 0000 ac446539 0000000000000000" +
				"14 12 1200 00 00 00 00 000000000000000000000000",
		},
		{
			"add reject fd00:7::/48", rtmAdd,
			hostRoute{dst: netip.MustParsePrefix("fd00:7::/48"), stop: true},
			"b000 05 01 0000 0000 0b080000 07000000 00000000 07000000 00000000 00000000 00000000" + noMetrics +
				"1c 1e 0000 00000000 fd000007000000000000000000000000 00000000" +
				"1c 1e 0000 00000000 00000000000000000000000000000001 00000000" +
				"1c 1e 0000 00000000 ffffffffffff00000000000000000000 00000000",
		},
	} {
		got := hex.EncodeToString(routeMessage(tc.kind, 7, tc.route, 18))
		if want := hex.EncodeToString(bytesOf(t, tc.want)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", tc.name, got, want)
		}
	}
}

func TestAddressRequests(t *testing.T) {
	name := "7574756e37 0000000000000000000000"
	for _, tc := range []struct {
		name string
		got  []byte
		want string
	}{
		{
			"SIOCAIFADDR", aliasRequest("utun7", netip.MustParsePrefix("100.96.0.5/32")),
			name + "1002 0000 64600005 0000000000000000" + "1002 0000 64600005 0000000000000000" + "1002 0000 ffffffff 0000000000000000",
		},
		{
			"SIOCAIFADDR_IN6", aliasRequest("utun7", netip.MustParsePrefix("fd00:1::5/128")),
			name + "1c1e 0000 00000000 fd000001000000000000000000000005 00000000" + strings.Repeat("00", 28) +
				"1c1e 0000 00000000 ffffffffffffffffffffffffffffffff 00000000" +
				"20000000" + strings.Repeat("00", 16) + "ffffffff ffffffff",
		},
		{
			"SIOCDIFADDR", deleteRequest("utun7", netip.MustParseAddr("100.96.0.5")),
			name + "1002 0000 64600005 0000000000000000",
		},
		{
			"SIOCDIFADDR_IN6", deleteRequest("utun7", netip.MustParseAddr("fd00:1::5")),
			name + "1c1e 0000 00000000 fd000001000000000000000000000005 00000000" + strings.Repeat("00", 244),
		},
	} {
		want := bytesOf(t, tc.want)
		if hex.EncodeToString(tc.got) != hex.EncodeToString(want) {
			t.Errorf("%s (%d bytes, want %d):\n got %x\nwant %x", tc.name, len(tc.got), len(want), tc.got, want)
		}
	}
}

func TestDarwinRoutes(t *testing.T) {
	addr := netip.MustParseAddr
	const usual = rtfUp
	for _, tc := range []struct {
		name string
		in   darwinRoute
		want string // prefix, device, flags; "" = not seen
	}{
		{"connected", darwinRoute{usual | 0x100, "en0", addr("192.168.1.0"), []byte{255, 255, 255}, netip.Addr{}}, "192.168.1.0/24 en0 connected"},
		{"default", darwinRoute{usual | rtfGateway | rtfStatic, "en0", addr("0.0.0.0"), nil, addr("192.168.1.254")}, "0.0.0.0/0 en0 gateway"},
		{"scoped default", darwinRoute{usual | rtfGateway | rtfIfScope, "en1", addr("0.0.0.0"), nil, addr("192.168.1.254")}, ""},
		{"static", darwinRoute{usual | rtfGateway | rtfStatic, "en0", addr("172.16.0.0"), []byte{255, 240}, addr("192.168.1.254")}, "172.16.0.0/12 en0 gateway"},
		{"static on link", darwinRoute{usual | rtfStatic, "en0", addr("10.9.0.0"), []byte{255, 255}, netip.Addr{}}, "10.9.0.0/16 en0"},
		{"host", darwinRoute{usual | rtfHost | rtfStatic | rtfGateway, "en0", addr("10.9.0.1"), nil, addr("192.168.1.254")}, "10.9.0.1/32 en0 gateway"},
		{"neighbour", darwinRoute{usual | rtfHost | rtfLLInfo, "en0", addr("192.168.1.9"), nil, netip.Addr{}}, ""},
		{"clone", darwinRoute{usual | rtfHost | rtfCloned, "en0", addr("8.8.8.8"), nil, addr("192.168.1.254")}, ""},
		{"reject", darwinRoute{usual | rtfReject | rtfGateway | rtfStatic, "lo0", addr("172.16.0.0"), []byte{255, 240, 0, 0}, addr("192.168.1.254")}, "172.16.0.0/12 lo0 gateway stop"},
		{"IPv6 connected", darwinRoute{usual, "en0", addr("2001:db8:1::"), []byte{255, 255, 255, 255, 255, 255, 255, 255}, netip.Addr{}}, "2001:db8:1::/64 en0 connected"},
		{"down", darwinRoute{rtfStatic, "en0", addr("10.0.0.0"), []byte{255}, netip.Addr{}}, ""},
		{"not IP", darwinRoute{flags: usual, device: "en0"}, ""},
	} {
		got := ""
		if s, ok := tc.in.seen(); ok {
			got = s.dst.String() + " " + s.device
			for word, is := range map[string]bool{" connected": s.byAddress, " gateway": s.gateway} {
				if is {
					got += word
				}
			}
			if s.stop {
				got += " stop"
			}
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestWindowsRoutes(t *testing.T) {
	p, none := netip.MustParsePrefix("10.0.0.0/8"), netip.MustParseAddr("0.0.0.0")
	for _, tc := range []struct {
		name string
		in   windowsRoute
		want seenRoute
	}{
		{"connected", windowsRoute{p, none, "Wi-Fi", 7, 256, true, false}, seenRoute{mainRoute: mainRoute{p, "Wi-Fi", false, true}}},
		{"advertised", windowsRoute{p, none, "Wi-Fi", 7, 256, false, true}, seenRoute{mainRoute: mainRoute{p, "Wi-Fi", false, true}}},
		{"static", windowsRoute{p, netip.MustParseAddr("192.168.1.1"), "Wi-Fi", 7, 1, false, false}, seenRoute{mainRoute: mainRoute{p, "Wi-Fi", true, false}, via: netip.MustParseAddr("192.168.1.1")}},
		{"static on link", windowsRoute{p, none, "Wi-Fi", 7, 1, false, false}, seenRoute{mainRoute: mainRoute{p, "Wi-Fi", false, false}}},
		{"stop", windowsRoute{p, none, "lo", windowsLoopback, windowsStopMetric, false, false}, seenRoute{mainRoute: mainRoute{p, "lo", false, false}, stop: true}},
		{"loopback's own", windowsRoute{p, none, "lo", windowsLoopback, 256, true, false}, seenRoute{mainRoute: mainRoute{p, "lo", false, true}}},
	} {
		if got := tc.in.seen(); got != tc.want {
			t.Errorf("%s: %+v, want %+v", tc.name, got, tc.want)
		}
	}
}

func TestUnderlayChoice(t *testing.T) {
	if got := bestDefault(nil); got != 0 {
		t.Errorf("without default route: %d", got)
	}
	if got := bestDefault([]defaultRoute{{3, 50}, {9, 25}, {4, 25}}); got != 9 {
		t.Errorf("bestDefault = %d, want 9", got)
	}
	if got := unicastIf4(7); got != 7<<24 {
		t.Errorf("unicastIf4(7) = %#x, want the index in network byte order", got)
	}
	if onLink(false).String() != "0.0.0.0" || onLink(true).String() != "::" {
		t.Error("the next hop of an on-link route is the unspecified address")
	}
}
