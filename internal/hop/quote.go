package hop

import (
	"net/netip"

	"github.com/oneping/oneping/proto/packet"
)

// QuotedTTL returns the TTL of a packet for dst as the sender of the ICMP error e saw and
// quoted it, which a socket does not tell. ttl is the one with which the packet came to
// us, e.TTL the one with which the error did (0 = unknown); own says that this host
// itself made the error.
//
// A router decrements between looking for the route and sending: what goes wrong before
// is quoted as it arrived, what goes wrong after with one less (Linux: ip_forward, ip6_forward).
func QuotedTTL(e *packet.Error, dst netip.Addr, ttl uint8, own bool) uint8 {
	crossed := packet.Distance(e.TTL) + 1 // and this host
	switch {
	case expired(e, dst.Is6()):
		return 1
	case e.Src == dst && own: // delivered, not forwarded
		crossed = 0
	case own:
		crossed = 1
	case e.Src != dst && afterForwarding(e, dst.Is6()):
		crossed++
	}
	return packet.TTLAfter(ttl, crossed)
}

func expired(e *packet.Error, v6 bool) bool {
	typ, code := packet.TimeExceeded.TypeCode(v6)
	return e.Type == typ && e.Code == code
}

// afterForwarding: nobody answers for the address, or a filter of the router says no.
func afterForwarding(e *packet.Error, v6 bool) bool {
	if v6 {
		return e.Type == packet.Type6Unreachable && (e.Code == 3 || e.Code == 1)
	}
	return e.Type == packet.TypeUnreachable && (e.Code == 1 || e.Code >= 9 && e.Code <= 13)
}
