package osroute

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
)

// What Windows' rows mean, without build tag so that it is tested on Linux.

// windowsRoute is a MIB_IPFORWARD_ROW2, as far as it matters here.
type windowsRoute struct {
	dst      netip.Prefix
	nextHop  netip.Addr
	device   string
	index    uint32
	metric   uint32
	local    bool // MIB_IPPROTO_LOCAL: made by the system for an address
	autoconf bool // from a router advertisement
}

const (
	windowsLoopback   = 1    // index of the loopback interface on every Windows since Vista
	windowsStopMetric = 9999 // the worst metric that the tools of Windows accept
)

// seen turns a row into what the logic knows. A stop is what AddRoute made of one: on the
// loopback interface with the metric that only we use.
func (w windowsRoute) seen() seenRoute {
	gateway := w.nextHop.IsValid() && !w.nextHop.IsUnspecified()
	var via netip.Addr
	if gateway {
		via = w.nextHop.WithZone("")
	}
	return seenRoute{
		via:       via,
		mainRoute: mainRoute{dst: w.dst.Masked(), device: w.device, gateway: gateway, byAddress: !gateway && (w.local || w.autoconf)},
		stop:      w.index == windowsLoopback && w.metric == windowsStopMetric,
	}
}

// onLink is the next hop of a route without gateway.
func onLink(v6 bool) netip.Addr {
	if v6 {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

// defaultRoute is a candidate for the underlay.
type defaultRoute struct {
	index  uint32
	metric uint64 // of route and interface together
}

// bestDefault returns the interface that Windows itself would choose, 0 for none.
func bestDefault(list []defaultRoute) uint32 {
	if len(list) == 0 {
		return 0
	}
	return slices.MinFunc(list, func(a, b defaultRoute) int { return cmp.Compare(a.metric, b.metric) }).index
}

// unicastIf4 returns the option value of IP_UNICAST_IF, which wants the interface index in
// network byte order, while IPV6_UNICAST_IF wants it in host byte order.
func unicastIf4(index uint32) int {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], index)
	return int(int32(binary.LittleEndian.Uint32(b[:])))
}
