package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/oneping/oneping/internal/advice"
)

// Family says which addresses of a host are wanted.
type Family uint8

// The families. Any takes the host's first, as its resolver orders them (RFC 6724).
const (
	Any Family = iota
	PreferIPv4
	IPv4
	IPv6
)

// network is what the resolver calls it.
func (f Family) network() string { return [...]string{"ip", "ip", "ip4", "ip6"}[f] }

// Resolver finds the addresses of hosts: net.DefaultResolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Find returns an address of host, which may be one itself.
func Find(ctx context.Context, r Resolver, host string, f Family) (netip.Addr, error) {
	if a, ok := ParseAddr(host); ok {
		if a.Is4() && f == IPv6 || a.Is6() && f == IPv4 {
			return a, advice.With(fmt.Errorf("find %s: it is an address of the other family", host), "leave out -4 and -6, or name the host")
		}
		return here(a), nil
	}
	if strings.ContainsAny(host, "/:") { // no name has these, and no resolver is to be asked
		return netip.Addr{}, advice.With(fmt.Errorf("find %s: that is no host", host),
			"name the host or its address alone, without scheme, port or length of a prefix")
	}
	addrs, err := r.LookupNetIP(ctx, f.network(), host)
	if err == nil && len(addrs) == 0 {
		err = errors.New("no such host")
	}
	if err != nil {
		return netip.Addr{}, unknownHost(host, err)
	}
	for _, a := range addrs {
		if f == PreferIPv4 && a.Unmap().Is4() {
			return a.Unmap(), nil
		}
	}
	return addrs[0].Unmap(), nil
}

// here returns the loopback address for the one that stands for this host.
func here(a netip.Addr) netip.Addr {
	switch {
	case !a.IsUnspecified():
		return a
	case a.Is4():
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

// ParseAddr reads an address, also of IPv4 as inet_aton(3) does: the last of fewer than four numbers
// fills what is left, and numbers may be octal or hexadecimal. 127.1 is 127.0.0.1.
func ParseAddr(host string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap(), true
	}
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var b [4]byte
	for i, part := range parts {
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (4 - i)
		}
		n, err := strconv.ParseUint(part, 0, bits)
		if err != nil || strings.Contains(part, "_") || len(part) > 1 && strings.Contains("bBoO", part[1:2]) { // Go's own ways
			return netip.Addr{}, false
		}
		if i < len(parts)-1 {
			b[i] = byte(n)
			continue
		}
		for j := 3; j >= i; j-- {
			b[j], n = byte(n), n>>8
		}
	}
	return netip.AddrFrom4(b), true
}

// unknownHost says why a name has no address, and what may be wrong.
func unknownHost(host string, err error) error {
	hint := "is the name right, and does this machine's resolver answer? An address works without one"
	var dns *net.DNSError
	if errors.As(err, &dns) {
		if dns.IsNotFound {
			return advice.With(fmt.Errorf("find %s: no such host", host), "is the name right? -4 and -6 ask for one family only")
		}
		return advice.With(fmt.Errorf("find %s: %s", host, dns.Err), hint)
	}
	return advice.With(fmt.Errorf("find %s: %w", host, err), hint)
}
