package packet

import "encoding/binary"

// This file is the one place where a TTL is computed: test/ttl_test.go keeps it so.

// NextTTL is where the product decrements TTL: the value with which a packet,
// session or flow leaves a hop that it entered with ttl. False means that it
// expired in that hop (RFC 1812 §5.3.1).
func NextTTL(ttl uint8) (uint8, bool) {
	if ttl <= 1 {
		return 0, false
	}
	return ttl - 1, true
}

// Expires says whether a packet that enters a hop with ttl expires in it, as NextTTL says.
func Expires(ttl uint8) bool {
	_, ok := NextTTL(ttl)
	return !ok
}

// Forward decrements the TTL of a whole packet in place, as NextTTL says, and
// corrects the IPv4 header checksum. False: it expired and was not changed.
func (p *Packet) Forward() bool {
	ttl, ok := NextTTL(p.TTL)
	if ok {
		p.SetTTL(ttl)
	}
	return ok
}

// SetTTL overwrites the TTL in place.
func (p *Packet) SetTTL(ttl uint8) {
	p.TTL = ttl
	if p.V6 {
		p.Raw[7] = ttl
		return
	}
	old := binary.BigEndian.Uint16(p.Raw[8:])
	p.Raw[8] = ttl
	update16(p.Raw[10:], old, binary.BigEndian.Uint16(p.Raw[8:]))
}

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

// TTLAfter returns the TTL with which a packet arrives that has ttl here and crosses so many
// more routers. It did arrive, so the result is at least 1.
func TTLAfter(ttl, routers uint8) uint8 {
	ttl = max(ttl, 1)
	return ttl - min(routers, ttl-1)
}
