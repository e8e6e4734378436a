package hop

import "net/netip"

// keptPrefix is a prefix that stays with each host, and what it is.
type keptPrefix struct {
	netip.Prefix
	what string
}

// kept are the addresses that every host keeps to itself, whatever it is told to capture: nothing
// for them ever comes to an edge.
func kept() []keptPrefix {
	v4 := func(a, b, c, d byte, bits int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{a, b, c, d}), bits)
	}
	v6 := func(a, b, last byte, bits int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom16([16]byte{0: a, 1: b, 15: last}), bits)
	}
	return []keptPrefix{
		{v4(0, 0, 0, 0, 8), "the unspecified address"},
		{v4(127, 0, 0, 0, 8), "loopback"},
		{v4(169, 254, 0, 0, 16), "link-local"},
		{v4(224, 0, 0, 0, 4), "multicast"},
		{v4(255, 255, 255, 255, 32), "broadcast"},
		{v6(0, 0, 0, 128), "the unspecified address"},
		{v6(0, 0, 1, 128), "loopback"},
		{v6(0xfe, 0x80, 0, 10), "link-local"},
		{v6(0xff, 0, 0, 8), "multicast"},
	}
}

// KeptPrefixes returns the prefixes that every host keeps to itself, whatever it is told to capture.
func KeptPrefixes() []netip.Prefix {
	var out []netip.Prefix
	for _, k := range kept() {
		out = append(out, k.Prefix)
	}
	return out
}

// Kept says what p is where every host keeps all of it to itself: "loopback", "link-local"; else "".
func Kept(p netip.Prefix) string {
	for _, k := range kept() {
		if k.Bits() <= p.Bits() && k.Contains(p.Addr()) {
			return k.what
		}
	}
	return ""
}
