package model

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/hop"
)

// Route is a desired prefix → tunnel entry (RIB).
type Route struct {
	Prefix  netip.Prefix `json:"prefix"`
	Tunnel  string       `json:"tunnel"` // tunnel id
	Created time.Time    `json:"created"`
}

// CheckPrefix refuses what cannot be a route.
func CheckPrefix(p netip.Prefix) error {
	switch {
	case !p.IsValid():
		return &advice.Error{Text: "that is not a prefix", Advice: "write it as 10.0.0.0/8 or fd00::/64"}
	case p.Addr().Is4In6():
		return &advice.Error{Text: fmt.Sprintf("prefix %s: IPv4 inside IPv6", p), Advice: "write the IPv4 prefix itself"}
	case p != p.Masked():
		return &advice.Error{
			Text:   fmt.Sprintf("prefix %s has bits set behind its length", p),
			Advice: fmt.Sprintf("did you mean %s, or the one address %s?", p.Masked(), netip.PrefixFrom(p.Addr(), p.Addr().BitLen())),
		}
	}
	if what := hop.Kept(p); what != "" {
		return &advice.Error{
			Text:   fmt.Sprintf("prefix %s is %s, which every host keeps to itself", p, what),
			Advice: "no client can capture it; name the address that the server has in its network",
		}
	}
	return nil
}
