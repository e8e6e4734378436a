package client

import (
	"context"
	"net/netip"
	"slices"

	"github.com/oneping/oneping/internal/link/path"
)

// beneath is the underlay of the link. Where Linux has no IPv6 route to the edge it looks once more
// with the only address that is left, the device's, and finds the device (osroute: rules.go, P+1).
// That is no network to move to: the path that is spent on it is missing in the next one.
type beneath struct {
	path.Underlay
	own func(netip.Addr) bool // says whether an address is the device's
}

// Source implements path.Underlay.
func (b beneath) Source(ctx context.Context, remote netip.AddrPort) netip.Addr {
	if a := b.Underlay.Source(ctx, remote); !b.own(a) {
		return a
	}
	return netip.Addr{}
}

// owns says whether the edge has assigned a to this device.
func (c *Client) owns(a netip.Addr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.net.Addrs, a)
}
