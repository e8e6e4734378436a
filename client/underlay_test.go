package client

import (
	"context"
	"net/netip"
	"testing"

	"github.com/oneping/oneping/internal/link/path"
)

// speaksFrom is a host that speaks to everybody from one address.
type speaksFrom struct {
	path.Kernel
	addr netip.Addr
}

func (s speaksFrom) Source(context.Context, netip.AddrPort) netip.Addr { return s.addr }

// The device is no network from which to speak to the edge, although the kernel finds one there
// where there is no other.
func TestTheDeviceIsNoNetwork(t *testing.T) {
	own, other := netip.MustParseAddr("fd85::1"), netip.MustParseAddr("2001:db8::2")
	c := &Client{net: network{Addrs: []netip.Addr{netip.MustParseAddr("100.96.0.1"), own}}}
	for addr, want := range map[netip.Addr]netip.Addr{own: {}, other: other, {}: {}} {
		b := beneath{speaksFrom{addr: addr}, c.owns}
		if got := b.Source(t.Context(), netip.AddrPort{}); got != want {
			t.Errorf("from %v: %v, want %v", addr, got, want)
		}
	}
}
