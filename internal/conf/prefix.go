package conf

import (
	"fmt"
	"net/netip"

	"go.yaml.in/yaml/v3"
)

// Prefix is a netip.Prefix that a file may also write as one address.
type Prefix struct{ netip.Prefix }

// ParsePrefix reads a prefix or one address, of a file or a flag; bits behind the length are
// cleared.
func ParsePrefix(s string) (Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		a, err := netip.ParseAddr(s)
		switch {
		case err != nil:
			return Prefix{}, fmt.Errorf("%q is not a prefix or address", s)
		case a.Zone() != "":
			return Prefix{}, fmt.Errorf("%q has a zone", s) // fd00::%eth0/64 reads as an address, with the zone "eth0/64"
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if p.Addr().Is4In6() {
		return Prefix{}, fmt.Errorf("%q is an IPv4 address written as IPv6: no packet has one; write it as IPv4", s)
	}
	return Prefix{p.Masked()}, nil
}

// UnmarshalYAML reads a scalar.
func (p *Prefix) UnmarshalYAML(n *yaml.Node) error {
	read, err := ParsePrefix(n.Value)
	if err != nil {
		return err
	}
	*p = read
	return nil
}
