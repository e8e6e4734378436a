package packet

import "encoding/binary"

// SetDF sets or clears DF of an IPv4 packet in place; IPv6 has none.
func (p *Packet) SetDF(df bool) {
	if p.V6 || p.DF == df {
		return
	}
	old := binary.BigEndian.Uint16(p.Raw[6:])
	v := old &^ 0x4000
	if df {
		v |= 0x4000
	}
	binary.BigEndian.PutUint16(p.Raw[6:], v)
	update16(p.Raw[10:], old, v)
	p.DF = df
}
