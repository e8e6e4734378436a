package model

import (
	"fmt"
	"net/netip"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/hop"
)

// Plan is where device addresses come from. It is chosen at an edge's first start and kept once a
// device has enrolled.
type Plan struct {
	Prefix4 netip.Prefix `json:"prefix4"`
	Prefix6 netip.Prefix `json:"prefix6"`
}

// Bounds of a pool, in bits of its prefix: a /29 has room for five devices beside the network's own
// address, the broadcast address and a hop.
const (
	shortestPool = 8
	longestPool4 = 29
	longestPool6 = 120
)

const (
	advicePool4 = "write an unused private prefix, such as 10.200.0.0/16, or leave it out for 100.96.0.0/12"
	advicePool6 = "write a unique local prefix, such as fd12:3456:789a::/64, or leave it out for a random one"
)

// CheckPool4 refuses what cannot be the pool of the devices' IPv4 addresses.
func CheckPool4(p netip.Prefix) error {
	if !p.Addr().Is4() {
		return &advice.Error{Text: fmt.Sprintf("%s is not an IPv4 prefix", p), Advice: advicePool4}
	}
	reserved := netip.MustParsePrefix("240.0.0.0/4") // RFC 1112 §4
	if reserved.Overlaps(p) && p.Bits() >= shortestPool {
		return &advice.Error{Text: fmt.Sprintf("%s is reserved: hosts do not take such addresses", p), Advice: advicePool4}
	}
	return checkPool(p, longestPool4, advicePool4)
}

// CheckPool6 refuses what cannot be the pool of the devices' IPv6 addresses: they are unique local
// (RFC 4193) or global (RFC 4291 §2.4).
func CheckPool6(p netip.Prefix) error {
	if !p.Addr().Is6() || p.Addr().Is4In6() {
		return &advice.Error{Text: fmt.Sprintf("%s is not an IPv6 prefix", p), Advice: advicePool6}
	}
	local, global := netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("2000::/3")
	if !local.Contains(p.Addr()) && !global.Contains(p.Addr()) {
		return &advice.Error{Text: fmt.Sprintf("%s is neither unique local nor global", p), Advice: advicePool6}
	}
	return checkPool(p, longestPool6, advicePool6)
}

func checkPool(p netip.Prefix, longest int, hint string) error {
	switch {
	case p != p.Masked():
		return &advice.Error{Text: fmt.Sprintf("%s has bits set behind its length", p), Advice: "write " + p.Masked().String()}
	case p.Bits() < shortestPool:
		return &advice.Error{Text: fmt.Sprintf("%s is too large: a /%d is the largest pool", p, shortestPool), Advice: hint}
	case p.Bits() > longest:
		return &advice.Error{Text: fmt.Sprintf("%s is too small: a /%d is the smallest pool", p, longest), Advice: hint}
	}
	for _, k := range hop.KeptPrefixes() {
		if k.Overlaps(p) {
			return &advice.Error{Text: fmt.Sprintf("%s is %s: hosts do not take such addresses", p, hop.Kept(k)), Advice: hint}
		}
	}
	return nil
}
