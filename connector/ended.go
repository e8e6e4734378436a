package connector

import "net/netip"

// ended ends all that is open for clients whose devices were revoked or deleted: their sessions, mappings and flows would
// live on here while an origin speaks to them.
func (c *Connector) ended(clients []netip.Addr) {
	nat := c.dispatch.icmp.nat.Load()
	for _, client := range clients {
		c.host.EndClient(client)
		c.dispatch.udp.EndClient(client)
		if nat != nil {
			nat.EndClient(client)
		}
		if c.dialer != nil { // a simulation has no TCP
			c.dialer.EndClient(client)
		}
	}
}
