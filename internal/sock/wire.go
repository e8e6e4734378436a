package sock

import (
	"context"
	"net/netip"
)

// Wire stands in for this host's sockets and routes: whole IP packets in
// memory, for simulations, where no kernel is asked. Safe for concurrent use.
type Wire interface {
	// Source returns the address that this host uses toward dst; the zero Addr without a route.
	Source(dst netip.Addr) netip.Addr
	// Send sends one IP packet of this host; b may be reused afterwards.
	Send(b []byte)
	// Receive calls f with each packet that arrives for this host, one at a time, until ctx ends. Every caller
	// gets every packet; b is valid until f returns. Never nil.
	Receive(ctx context.Context, f func(b []byte)) error
}
