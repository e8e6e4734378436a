package proto

// PacketOverhead is what a packet datagram adds to the IP packet.
const PacketOverhead = 1

// AppendPacket appends a packet datagram: a whole IP packet.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|   type = 1    |  IP packet …
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
func AppendPacket(b, ip []byte) []byte {
	return append(append(b, byte(TypePacket)), ip...)
}

// ParsePacket returns the IP packet inside a packet datagram. Whether it is
// one is for proto/packet to say.
func ParsePacket(b []byte) ([]byte, error) {
	if len(b) < 1+20 {
		return nil, ErrShort
	}
	if DatagramType(b[0]) != TypePacket {
		return nil, ErrMalformed
	}
	return b[1:], nil
}
