package model

import (
	"fmt"
	"net/netip"

	"github.com/oneping/oneping/internal/advice"
)

// Prefixes that are shorter are asked about before they are routed or captured.
const (
	shortest4 = 8
	shortest6 = 32
)

// CheckWidth says what it means to route or capture a prefix that is so short that it is more often
// a slip than a wish; nil: it is long enough.
func CheckWidth(p netip.Prefix) error {
	family, shortest := "IPv4", shortest4
	if p.Addr().Is6() {
		family, shortest = "IPv6", shortest6
	}
	if p.Bits() >= shortest {
		return nil
	}
	part := "all"
	if p.Bits() > 0 {
		part = fmt.Sprintf("1/%d", uint64(1)<<p.Bits())
	}
	return &advice.Error{
		Text: fmt.Sprintf("%s is %s of %s: within a second every laptop sends what is for it to the edge, and loses what no grant allows, the Internet too",
			p, part, family),
		Advice: "where that is what you want, say --yes; else write a longer prefix",
	}
}
