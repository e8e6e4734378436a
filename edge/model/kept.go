package model

import "net/netip"

// kept are the addresses that every host keeps to itself, whatever it is told to capture: nothing
// for them ever comes to an edge. The client's list is the same (client/osroute).
func kept() map[netip.Prefix]string {
	return map[netip.Prefix]string{
		netip.MustParsePrefix("0.0.0.0/8"):          "the unspecified address",
		netip.MustParsePrefix("127.0.0.0/8"):        "loopback",
		netip.MustParsePrefix("169.254.0.0/16"):     "link-local",
		netip.MustParsePrefix("224.0.0.0/4"):        "multicast",
		netip.MustParsePrefix("255.255.255.255/32"): "broadcast",
		netip.MustParsePrefix("::/128"):             "the unspecified address",
		netip.MustParsePrefix("::1/128"):            "loopback",
		netip.MustParsePrefix("fe80::/10"):          "link-local",
		netip.MustParsePrefix("ff00::/8"):           "multicast",
	}
}

// Kept says what p is where every host keeps all of it to itself: "loopback", "link-local"; else "".
func Kept(p netip.Prefix) string {
	for k, what := range kept() {
		if k.Bits() <= p.Bits() && k.Contains(p.Addr()) {
			return what
		}
	}
	return ""
}
