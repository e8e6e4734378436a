package model

import (
	"net/netip"
	"testing"

	"github.com/oneping/oneping/internal/advice"
)

func TestCheckPools(t *testing.T) {
	for s, want := range map[string][2]string{ // as prefix4, as prefix6; "" is good
		"10.0.0.0/8":          {"", "10.0.0.0/8 is not an IPv6 prefix"},
		"10.9.0.0/29":         {"", "10.9.0.0/29 is not an IPv6 prefix"},
		"100.64.0.0/10":       {"", "100.64.0.0/10 is not an IPv6 prefix"},
		"198.51.100.0/24":     {"", "198.51.100.0/24 is not an IPv6 prefix"},
		"10.9.0.0/30":         {"10.9.0.0/30 is too small: a /29 is the smallest pool", "10.9.0.0/30 is not an IPv6 prefix"},
		"10.9.0.0/31":         {"10.9.0.0/31 is too small: a /29 is the smallest pool", "10.9.0.0/31 is not an IPv6 prefix"},
		"10.9.0.1/32":         {"10.9.0.1/32 is too small: a /29 is the smallest pool", "10.9.0.1/32 is not an IPv6 prefix"},
		"10.9.0.1/24":         {"10.9.0.1/24 has bits set behind its length", "10.9.0.1/24 is not an IPv6 prefix"},
		"0.0.0.0/0":           {"0.0.0.0/0 is too large: a /8 is the largest pool", "0.0.0.0/0 is not an IPv6 prefix"},
		"8.0.0.0/7":           {"8.0.0.0/7 is too large: a /8 is the largest pool", "8.0.0.0/7 is not an IPv6 prefix"},
		"127.0.0.0/8":         {"127.0.0.0/8 is loopback: hosts do not take such addresses", "127.0.0.0/8 is not an IPv6 prefix"},
		"127.1.0.0/16":        {"127.1.0.0/16 is loopback: hosts do not take such addresses", "127.1.0.0/16 is not an IPv6 prefix"},
		"169.254.0.0/16":      {"169.254.0.0/16 is link-local: hosts do not take such addresses", "169.254.0.0/16 is not an IPv6 prefix"},
		"169.0.0.0/8":         {"169.0.0.0/8 is link-local: hosts do not take such addresses", "169.0.0.0/8 is not an IPv6 prefix"},
		"224.0.0.0/8":         {"224.0.0.0/8 is multicast: hosts do not take such addresses", "224.0.0.0/8 is not an IPv6 prefix"},
		"240.0.0.0/8":         {"240.0.0.0/8 is reserved: hosts do not take such addresses", "240.0.0.0/8 is not an IPv6 prefix"},
		"0.0.0.0/8":           {"0.0.0.0/8 is the unspecified address: hosts do not take such addresses", "0.0.0.0/8 is not an IPv6 prefix"},
		"fd12:3456:789a::/64": {"fd12:3456:789a::/64 is not an IPv4 prefix", ""},
		"fd00::/8":            {"fd00::/8 is not an IPv4 prefix", ""},
		"2001:db8::/120":      {"2001:db8::/120 is not an IPv4 prefix", ""},
		"2001:db8::/121":      {"2001:db8::/121 is not an IPv4 prefix", "2001:db8::/121 is too small: a /120 is the smallest pool"},
		"fd00::1/64":          {"fd00::1/64 is not an IPv4 prefix", "fd00::1/64 has bits set behind its length"},
		"fc00::/7":            {"fc00::/7 is not an IPv4 prefix", "fc00::/7 is too large: a /8 is the largest pool"},
		"fe80::/64":           {"fe80::/64 is not an IPv4 prefix", "fe80::/64 is neither unique local nor global"},
		"ff00::/16":           {"ff00::/16 is not an IPv4 prefix", "ff00::/16 is neither unique local nor global"},
		"::/64":               {"::/64 is not an IPv4 prefix", "::/64 is neither unique local nor global"},
		"::ffff:10.0.0.0/104": {"::ffff:10.0.0.0/104 is not an IPv4 prefix", "::ffff:10.0.0.0/104 is not an IPv6 prefix"},
		"64:ff9b::/96":        {"64:ff9b::/96 is not an IPv4 prefix", "64:ff9b::/96 is neither unique local nor global"},
	} {
		p := netip.MustParsePrefix(s)
		for i, err := range []error{CheckPool4(p), CheckPool6(p)} {
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != want[i] || got != "" && advice.Of(err) == "" {
				t.Errorf("%s as prefix%d: %q, hint %q; want %q", s, 4+2*i, got, advice.Of(err), want[i])
			}
		}
	}
}
