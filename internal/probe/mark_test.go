package probe

import (
	"fmt"
	"net/netip"
	"testing"
)

var (
	router4 = netip.MustParseAddr("192.0.2.1")
	router6 = netip.MustParseAddr("2001:db8::1")
)

// marks are those of traceroute 2.1, by type and code; what is not here is "!<code>" of an unreachable
// and "!<type-code>" of anything else.
var marks = map[netip.Addr]map[[2]uint8]string{
	router4: {
		{11, 0}: "",
		{3, 0}:  "!N", {3, 6}: "!N", {3, 8}: "!N", {3, 11}: "!N",
		{3, 1}: "!H", {3, 7}: "!H", {3, 12}: "!H",
		{3, 2}: "!P", {3, 3}: "", {3, 4}: "!F-1400", {3, 5}: "!S",
		{3, 9}: "!X", {3, 10}: "!X", {3, 13}: "!X", {3, 14}: "!V", {3, 15}: "!C",
	},
	router6: {
		{3, 0}: "",
		{1, 0}: "!N", {1, 1}: "!X", {1, 2}: "!H", {1, 3}: "!H", {1, 4}: "",
	},
}

// TestMarks goes through every type and code of both families.
func TestMarks(t *testing.T) {
	for from, known := range marks {
		for typ := range 256 {
			for code := range 256 {
				a := Answer{Kind: Error, From: from, Type: uint8(typ), Code: uint8(code), Info: 1400}
				want, ok := known[[2]uint8{a.Type, a.Code}]
				switch {
				case ok:
				case from.Is6() && typ == 2:
					want = "!F-1400"
				case from.Is4() && typ == 3, from.Is6() && typ == 1:
					want = fmt.Sprintf("!<%d>", code)
				default:
					want = fmt.Sprintf("!<%d-%d>", typ, code)
				}
				if got := a.Mark(); got != want {
					t.Errorf("%s %d/%d: mark %q, want %q", from, typ, code, got, want)
				}
				passed := code == 0 && (from.Is4() && typ == 11 || from.Is6() && typ == 3)
				if a.passed() != passed {
					t.Errorf("%s %d/%d: passed %v", from, typ, code, a.passed())
				}
			}
		}
	}
	for want, a := range map[string]Answer{
		"":        {Kind: Reply, From: router4},
		"!F-1500": {Kind: TooLong, Info: 1500},
	} {
		if got := a.Mark(); got != want {
			t.Errorf("%+v: mark %q, want %q", a, got, want)
		}
	}
}

// TestWords has the texts of ping for each type and code that has one, and for those that have none.
func TestWords(t *testing.T) {
	for _, c := range []struct {
		from      netip.Addr
		typ, code uint8
		want      string
	}{
		{router4, 3, 0, "Destination Net Unreachable"},
		{router4, 3, 1, "Destination Host Unreachable"},
		{router4, 3, 2, "Destination Protocol Unreachable"},
		{router4, 3, 3, "Destination Port Unreachable"},
		{router4, 3, 4, "Frag needed and DF set (mtu = 1400)"},
		{router4, 3, 5, "Source Route Failed"},
		{router4, 3, 6, "Destination Net Unknown"},
		{router4, 3, 7, "Destination Host Unknown"},
		{router4, 3, 8, "Source Host Isolated"},
		{router4, 3, 9, "Destination Net Prohibited"},
		{router4, 3, 10, "Destination Host Prohibited"},
		{router4, 3, 11, "Destination Net Unreachable for Type of Service"},
		{router4, 3, 12, "Destination Host Unreachable for Type of Service"},
		{router4, 3, 13, "Packet filtered"},
		{router4, 3, 14, "Precedence Violation"},
		{router4, 3, 15, "Precedence Cutoff"},
		{router4, 3, 16, "Dest Unreachable, Bad Code: 16"},
		{router4, 4, 0, "Source Quench"},
		{router4, 5, 0, "Redirect Network"},
		{router4, 5, 1, "Redirect Host"},
		{router4, 5, 2, "Redirect Type of Service and Network"},
		{router4, 5, 3, "Redirect Type of Service and Host"},
		{router4, 5, 4, "Redirect, Bad Code: 4"},
		{router4, 11, 0, "Time to live exceeded"},
		{router4, 11, 1, "Frag reassembly time exceeded"},
		{router4, 11, 2, "Time exceeded, Bad Code: 2"},
		{router4, 12, 0, "Parameter problem: pointer = 1400"},
		{router4, 40, 0, "Bad ICMP type: 40"},
		{router6, 1, 0, "Destination unreachable: No route"},
		{router6, 1, 1, "Destination unreachable: Administratively prohibited"},
		{router6, 1, 2, "Destination unreachable: Beyond scope of source address"},
		{router6, 1, 3, "Destination unreachable: Address unreachable"},
		{router6, 1, 4, "Destination unreachable: Port unreachable"},
		{router6, 1, 5, "Destination unreachable: Unknown code 5"},
		{router6, 2, 0, "Packet too big: mtu=1400"},
		{router6, 3, 0, "Time exceeded: Hop limit"},
		{router6, 3, 1, "Time exceeded: Defragmentation failure"},
		{router6, 3, 2, "Time exceeded: code 2"},
		{router6, 4, 0, "Parameter problem: Wrong header field at 1400"},
		{router6, 4, 1, "Parameter problem: Unknown header at 1400"},
		{router6, 4, 2, "Parameter problem: Unrecognized option at 1400"},
		{router6, 4, 3, "Parameter problem: code 3 at 1400"},
		{router6, 100, 0, "unknown icmp type: 100"},
	} {
		a := Answer{Kind: Error, From: c.from, Type: c.typ, Code: c.code, Info: 1400}
		if got := a.Words(); got != c.want {
			t.Errorf("%s %d/%d: %q, want %q", c.from, c.typ, c.code, got, c.want)
		}
	}
}
