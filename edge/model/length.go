package model

import (
	"fmt"
	"net/netip"
)

// MeantLength returns a hint for who has written an address without a length where a prefix is wanted,
// and it looks like a network's: the host's part of it is zero. "" where it does not.
func MeantLength(written string) string {
	a, err := netip.ParseAddr(written)
	if err != nil || a.IsUnspecified() {
		return ""
	}
	lengths := []int{8, 16, 24}
	if a.Is6() {
		lengths = []int{48, 64}
	}
	for _, bits := range lengths {
		if p := netip.PrefixFrom(a, bits); p == p.Masked() {
			return fmt.Sprintf("%s is one address; a network has a length: %s", a, p)
		}
	}
	return ""
}
