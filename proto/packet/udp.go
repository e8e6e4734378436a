package packet

import (
	"encoding/binary"
	"net/netip"
)

// UDPPacket describes a UDP packet to be made.
type UDPPacket struct {
	Src, Dst netip.AddrPort
	TTL, TOS uint8 // TTL 0 = DefaultTTL
	DF       bool
	ID       uint16
	Payload  []byte
}

// AppendUDP appends a whole UDP packet. Payloads of 0 to 65,507 bytes (IPv4) fit.
func AppendUDP(b []byte, u *UDPPacket) []byte {
	start, v6 := len(b), u.Dst.Addr().Is6()
	n := 8 + len(u.Payload)
	b = appendHeader(b, header{src: u.Src.Addr(), dst: u.Dst.Addr(), ttl: u.TTL, tos: u.TOS, df: u.DF, id: u.ID, proto: UDP, length: n})
	b = binary.BigEndian.AppendUint16(b, u.Src.Port())
	b = binary.BigEndian.AppendUint16(b, u.Dst.Port())
	b = binary.BigEndian.AppendUint16(b, uint16(n))
	b = append(append(b, 0, 0), u.Payload...)
	setTransportChecksum(b[start:], headerSize(v6), u.Src.Addr(), u.Dst.Addr(), UDP)
	return b
}
