package packet

import "encoding/binary"

// NextTTL is where the product decrements TTL: the value with which a packet,
// session or flow leaves a hop that it entered with ttl. False means that it
// expired in that hop (RFC 1812 §5.3.1).
func NextTTL(ttl uint8) (uint8, bool) {
	if ttl <= 1 {
		return 0, false
	}
	return ttl - 1, true
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
