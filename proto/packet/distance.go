package packet

import "net/netip"

// Distance estimates how many routers a packet crossed that arrived with ttl:
// senders start at 64, 128 or 255. 0 for ttl 0, which means unknown.
func Distance(ttl uint8) uint8 {
	switch {
	case ttl == 0:
		return 0
	case ttl <= 64:
		return 64 - ttl
	case ttl <= 128:
		return 128 - ttl
	}
	return 255 - ttl
}

// QuotedTTL returns the TTL of a packet for dst as the sender of the ICMP error e saw and
// quoted it, which a socket does not tell. ttl is the one with which the packet came to
// us, e.TTL the one with which the error did (0 = unknown); own says that this host
// itself made the error.
//
// A router decrements between looking for the route and sending: what goes wrong before
// is quoted as it arrived, what goes wrong after with one less (Linux: ip_forward, ip6_forward).
func QuotedTTL(e *Error, dst netip.Addr, ttl uint8, own bool) uint8 {
	ttl = max(ttl, 1)
	switch {
	case expired(e, dst.Is6()):
		return 1
	case e.Src == dst && own: // delivered, not forwarded
		return ttl
	case own:
		return max(ttl-1, 1)
	}
	crossed := Distance(e.TTL) + 1 // and this host
	if e.Src != dst && afterForwarding(e, dst.Is6()) {
		crossed++
	}
	return ttl - min(crossed, ttl-1)
}

func expired(e *Error, v6 bool) bool {
	typ, code := TimeExceeded.TypeCode(v6)
	return e.Type == typ && e.Code == code
}

// afterForwarding: nobody answers for the address, or a filter of the router says no.
func afterForwarding(e *Error, v6 bool) bool {
	if v6 {
		return e.Type == Type6Unreachable && (e.Code == 3 || e.Code == 1)
	}
	return e.Type == TypeUnreachable && (e.Code == 1 || e.Code >= 9 && e.Code <= 13)
}
