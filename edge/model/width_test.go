package model

import (
	"net/netip"
	"testing"

	"github.com/oneping/oneping/internal/advice"
)

func TestCheckWidth(t *testing.T) {
	const rest = ": within a second every laptop sends what is for it to the edge, and loses what no grant allows, the Internet too"
	for s, want := range map[string]string{
		"0.0.0.0/0":      "0.0.0.0/0 is all of IPv4" + rest,
		"128.0.0.0/1":    "128.0.0.0/1 is 1/2 of IPv4" + rest,
		"10.0.0.0/7":     "10.0.0.0/7 is 1/128 of IPv4" + rest,
		"10.0.0.0/8":     "",
		"10.1.2.3/32":    "",
		"::/0":           "::/0 is all of IPv6" + rest,
		"2000::/3":       "2000::/3 is 1/8 of IPv6" + rest,
		"2001:db8::/31":  "2001:db8::/31 is 1/2147483648 of IPv6" + rest,
		"2001:db8::/32":  "",
		"fd00::1234/128": "",
	} {
		err := CheckWidth(netip.MustParsePrefix(s))
		if got := textOf(err); got != want || err != nil && advice.Of(err) != "where that is what you want, say --yes; else write a longer prefix" {
			t.Errorf("%s: %q, hint %q; want %q", s, got, advice.Of(err), want)
		}
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
