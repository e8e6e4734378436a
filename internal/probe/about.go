package probe

import (
	"encoding/binary"
	"net/netip"

	"github.com/oneping/oneping/proto/packet"
)

// question is what our packets have that an ICMP message can be known by.
type question struct {
	method Method
	dst    netip.Addr
	ident  uint16            // of echo requests
	ports  map[uint16]uint16 // of UDP and TCP: the sequence number by source port
}

// about reads an ICMP message from its type on, that this host has received from somebody, and says what
// it means for our packets; false where it is about others'. It is used where a socket hears all
// that this host receives.
func (q *question) about(b []byte, from netip.Addr) (Answer, bool) {
	if len(b) < 8 {
		return Answer{}, false
	}
	v6 := q.dst.Is6()
	m := packet.Packet{Raw: b, V6: v6, Class: packet.ClassICMP, Type: b[0], Code: b[1]}
	if b[0] == echoReplyType(v6) {
		ours := q.method == ICMP && binary.BigEndian.Uint16(b[4:]) == q.ident
		return Answer{Seq: binary.BigEndian.Uint16(b[6:]), From: from, Data: append([]byte(nil), b[8:]...)}, ours
	}
	var quoted packet.Packet
	if !m.Quoted(&quoted) || quoted.Dst != q.dst.WithZone("") {
		return Answer{}, false
	}
	seq, ok := q.seq(&quoted)
	return Answer{Kind: Error, Seq: seq, From: from, Type: b[0], Code: b[1], Info: info(b, v6)}, ok
}

func echoReplyType(v6 bool) uint8 {
	if v6 {
		return packet.Type6EchoReply
	}
	return packet.TypeEchoReply
}

// seq returns which of our packets is quoted.
func (q *question) seq(quoted *packet.Packet) (uint16, bool) {
	switch {
	case q.method == ICMP && quoted.Class == packet.ClassICMP:
		return quoted.Seq, quoted.Ident == q.ident
	case q.method == UDP && quoted.Class == packet.ClassUDP, q.method == TCP && quoted.Class == packet.ClassTCP:
		seq, ok := q.ports[quoted.SrcPort]
		return seq, ok
	}
	return 0, false
}

// info reads the MTU of "too big" (RFC 1191 §4, RFC 4443 §3.2) and the pointer of a parameter problem
// (RFC 792, RFC 4443 §3.4).
func info(b []byte, v6 bool) uint32 {
	switch {
	case v6:
		return binary.BigEndian.Uint32(b[4:])
	case b[0] == unreachable4 && b[1] == fragNeeded:
		return uint32(binary.BigEndian.Uint16(b[6:]))
	}
	return uint32(b[4])
}
