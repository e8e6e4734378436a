package packet

import "encoding/binary"

// SetIdent overwrites the identifier of an echo packet in place and corrects its checksum.
func (p *Packet) SetIdent(id uint16) {
	t := p.Transport()
	old := binary.BigEndian.Uint16(t[4:])
	binary.BigEndian.PutUint16(t[4:], id)
	update16(t[2:], old, id)
	p.Ident = id
}

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
