package host

import (
	"errors"
	"net/netip"
	"syscall"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

const (
	// wayLife is how long an answer of the routing table is believed.
	wayLife = 2 * time.Second
	maxWays = 8192
)

// Way is what the routing table says about a destination.
type Way struct {
	dst       netip.Addr
	src       netip.Addr // zero: no route
	none      error      // why there is no route
	neighbour bool       // in a network of ours, and not ours
	broadcast bool       // the IPv4 broadcast address of a network of ours
	seen      time.Time
}

// Own says whether the destination is an address of this machine: it speaks to itself from the same
// address.
func (w *Way) Own() bool { return w.src.IsValid() && w.src == w.dst }

// Way returns what the routing table says about dst. It is asked once a packet: Forward and Refuse
// take the answer.
func (h *Host) Way(dst netip.Addr) Way {
	now := time.Now()
	w, ok := h.ways.Get(dst)
	if !ok || now.Sub(w.seen) > wayLife {
		w = h.lookup(dst, now)
		h.ways.Put(dst, w) // the idlest way that makes room is looked up again
	}
	return w
}

// lookup asks the routing table and the interfaces.
func (h *Host) lookup(dst netip.Addr, now time.Time) Way {
	w := Way{dst: dst, seen: now}
	w.src, w.none = h.cfg.Routes.Source(dst)
	networks := h.cfg.Routes.Networks()
	w.neighbour = w.src.IsValid() && w.src != dst && within(networks, dst)
	w.broadcast = isBroadcast(networks, dst)
	return w
}

// unrouted is what a Linux router says of a packet for a destination for which its table has no
// way, or a route that refuses: ip(8) calls them unreachable, prohibit and blackhole
// (net/ipv4/route.c, ip_error; net/ipv6/route.c, ip6_pkt_drop).
func (w *Way) unrouted() packet.Verdict {
	switch {
	case errors.Is(w.none, syscall.EACCES):
		return packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}
	case errors.Is(w.none, syscall.EHOSTUNREACH) && w.dst.Is4():
		return packet.Verdict{Reason: packet.Unreachable, Answer: packet.HostUnreachable}
	case errors.Is(w.none, syscall.EINVAL):
		return packet.Verdict{Reason: packet.SendFailed} // and says nothing
	}
	return packet.Verdict{Reason: packet.NoRoute, Answer: packet.NetUnreachable}
}
