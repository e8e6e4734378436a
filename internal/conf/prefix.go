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
	if p, err := netip.ParsePrefix(s); err == nil {
		return Prefix{p.Masked()}, nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return Prefix{}, fmt.Errorf("%q is not a prefix or address", s)
	}
	if a.Zone() != "" { // fd00::%eth0/64 reads as an address, with the zone "eth0/64"
		return Prefix{}, fmt.Errorf("%q has a zone", s)
	}
	return Prefix{netip.PrefixFrom(a, a.BitLen())}, nil
}

// UnmarshalYAML reads a scalar; its errors name the line.
func (p *Prefix) UnmarshalYAML(n *yaml.Node) error {
	read, err := ParsePrefix(n.Value)
	if n.Kind != yaml.ScalarNode {
		err = fmt.Errorf("%q is not a prefix or address", n.Value)
	}
	if err != nil {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %v", n.Line, err)}}
	}
	*p = read
	return nil
}
