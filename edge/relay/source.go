package relay

import "net/netip"

// source is the first room: it returns who sends from src on the link of dev,
// or nil where src is not an address of that device (packet.Spoofed).
func (c *compiled) source(dev *device, src netip.Addr) *source {
	if sub := c.byAddr[src]; sub != nil && sub.dev == dev {
		return sub
	}
	return nil
}
