package connector

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// host answers what the rooms ask about the machine that they run on: is an
// address ours, from where would we speak to another, may it be reached.
// Safe for concurrent use.
type host struct {
	allow, deny []netip.Prefix
	single      bool                                 // HopsSingle
	route       func(netip.Addr) (netip.Addr, error) // asks the routing table: the source toward an address, or why there is none
	networks    func() []netip.Prefix                // asks the interfaces: what this host is attached to

	mu    sync.Mutex
	ways  map[netip.Addr]way // guarded by mu
	edges []netip.Addr       // guarded by mu: the edges' addresses, as they were dialled
}

// way is what the routing table says about a destination.
type way struct {
	src       netip.Addr // zero: no route
	none      error      // why there is no route
	neighbour bool       // in a network of ours, and not ours
	broadcast bool       // the IPv4 broadcast address of a network of ours
	seen      time.Time
}

const (
	// wayLife is how long an answer of the routing table is believed.
	wayLife = 2 * time.Second
	maxWays = 8192
)

func newHost(allow, deny []netip.Prefix) *host {
	return &host{allow: allow, deny: deny, route: askRoute, networks: askNetworks, ways: make(map[netip.Addr]way)}
}

// source returns the address that this host uses toward dst; false without a route.
func (h *host) source(dst netip.Addr) (netip.Addr, bool) {
	w := h.way(dst)
	return w.src, w.src.IsValid()
}

// neighbour says whether dst is attached to a network of this host and none of its addresses: the kernel keeps an entry for it.
func (h *host) neighbour(dst netip.Addr) bool { return h.way(dst).neighbour }

// way returns what the routing table says about dst.
func (h *host) way(dst netip.Addr) way {
	now := time.Now()
	h.mu.Lock()
	w, ok := h.ways[dst]
	h.mu.Unlock()
	if !ok || now.Sub(w.seen) > wayLife {
		w = way{seen: now}
		w.src, w.none = h.route(dst)
		networks := h.networks()
		w.neighbour = w.src.IsValid() && w.src != dst && within(networks, dst)
		w.broadcast = isBroadcast(networks, dst)
		h.mu.Lock()
		if len(h.ways) >= maxWays {
			clear(h.ways)
		}
		h.ways[dst] = w
		h.mu.Unlock()
	}
	return w
}

// askNetworks returns the prefixes of this host's interfaces.
func askNetworks() []netip.Prefix {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	all := make([]netip.Prefix, 0, len(addrs))
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			if addr, ok := netip.AddrFromSlice(n.IP); ok {
				ones, _ := n.Mask.Size()
				all = append(all, netip.PrefixFrom(addr.Unmap(), ones))
			}
		}
	}
	return all
}

// askRoute connects a UDP socket, which sends nothing, and looks where it is.
// The port says nothing here: 9 is discard.
func askRoute(dst netip.Addr) (netip.Addr, error) {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(dst, 9)))
	if err != nil {
		return netip.Addr{}, err
	}
	defer func() { _ = c.Close() }() // nothing was sent
	ap, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}, net.InvalidAddrError("no UDP address")
	}
	return ap.AddrPort().Addr().Unmap(), nil
}

// unrouted is what a Linux router says of a packet for dst for which its table has no way, or a route that refuses: ip(8) calls them
// unreachable, prohibit and blackhole (net/ipv4/route.c, ip_error; net/ipv6/route.c, ip6_pkt_drop).
func unrouted(dst netip.Addr, why error) packet.Verdict {
	switch {
	case errors.Is(why, syscall.EACCES):
		return packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}
	case errors.Is(why, syscall.EHOSTUNREACH) && dst.Is4():
		return packet.Verdict{Reason: packet.Unreachable, Answer: packet.HostUnreachable}
	case errors.Is(why, syscall.EINVAL):
		return packet.Verdict{Reason: packet.SendFailed} // and says nothing
	}
	return packet.Verdict{Reason: packet.NoRoute, Answer: packet.NetUnreachable}
}

// own says whether a is an address of this host: it speaks to itself from the same address.
func (h *host) own(a netip.Addr) bool {
	src, ok := h.source(a)
	return ok && src == a
}

// reporter returns the address from which this host reports an error about dst:
// the one that it uses toward dst, without a route the one that faces the edge,
// else any of the family; never a link-local one.
func (h *host) reporter(dst netip.Addr) (netip.Addr, bool) {
	if src, ok := h.source(dst); ok && !src.IsLinkLocalUnicast() {
		return src, true
	}
	h.mu.Lock()
	edges := h.edges
	h.mu.Unlock()
	for _, e := range edges {
		if src, ok := h.source(e); ok && src.Is4() == dst.Is4() && !src.IsLinkLocalUnicast() {
			return src, true
		}
	}
	return anyAddr(dst.Is4())
}

// anyAddr returns a global address of one family.
func anyAddr(v4 bool) (netip.Addr, bool) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Addr{}, false
	}
	for _, a := range addrs {
		ipnet, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		addr, ok := netip.AddrFromSlice(ipnet.IP)
		addr = addr.Unmap()
		if ok && addr.Is4() == v4 && addr.IsGlobalUnicast() {
			return addr, true
		}
	}
	return netip.Addr{}, false
}

// setEdge notes the address of the edge of the newest link.
func (h *host) setEdge(a netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.edges {
		if e == a {
			return
		}
	}
	h.edges = append([]netip.Addr{a}, h.edges[:min(len(h.edges), 7)]...)
}

// allowed says whether the connector's owner lets clients reach dst.
func (h *host) allowed(dst netip.Addr) bool {
	if within(h.deny, dst) {
		return false
	}
	if within(h.allow, dst) {
		return true
	}
	if dst.IsLoopback() || dst.IsLinkLocalUnicast() {
		return false // 169.254.169.254, the metadata service of clouds, is link-local
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.edges {
		if e == dst {
			return false
		}
	}
	return true
}

func within(ps []netip.Prefix, a netip.Addr) bool {
	for _, p := range ps {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// isBroadcast says whether dst is the last address of one of the networks, which has more than two (RFC 3021).
func isBroadcast(networks []netip.Prefix, dst netip.Addr) bool {
	for _, n := range networks {
		if dst.Is4() && n.Bits() < 31 && n.Contains(dst) && !n.Contains(dst.Next()) {
			return true
		}
	}
	return false
}

// forward decides about a packet for dst that arrived with ttl: the TTL with
// which it goes on, an ordinary one where the way from here is shown as one hop, or why not. A packet for an address of ours is delivered before
// its TTL is looked at, as in a router (RFC 1812 §5.2.1); of one for a broadcast address nothing is said (§4.3.2.7).
func (h *host) forward(dst netip.Addr, ttl uint8) (uint8, packet.Verdict) {
	if h.way(dst).broadcast {
		return 0, packet.Verdict{Reason: packet.Multicast}
	}
	if !h.allowed(dst) {
		return 0, packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}
	}
	if h.own(dst) {
		return max(ttl, 1), packet.Verdict{}
	}
	next, ok := packet.NextTTL(ttl)
	if !ok {
		if w := h.way(dst); !w.src.IsValid() { // expired, but a router looks for the route first (RFC 1812 §5.2.1)
			return 0, unrouted(dst, w.none)
		}
		return 0, packet.Verdict{Reason: packet.TTLExpired, Answer: packet.TimeExceeded}
	}
	if h.single {
		next = packet.DefaultTTL
	}
	return next, packet.Verdict{}
}
