package icmp

import (
	"encoding/binary"
	"net/netip"

	"github.com/oneping/oneping/proto/packet"
)

// incoming4 takes a whole IPv4 packet from a socket that sees all ICMP of this
// host. Its length field is not looked at: macOS has it in another byte order. Such a socket gets its copy
// before the kernel verifies the ICMP checksum (Linux: raw_local_deliver, icmp_rcv), discards the packet and counts it,
// so that we discard it, too (RFC 5508 REQ-3). Of ICMPv6 nothing damaged comes here (RFC 3542 §3.1).
func (n *NAT) incoming4(b []byte) {
	if len(b) < 20 {
		return
	}
	ihl := int(b[0]&15) * 4
	if ihl < 20 || len(b) < ihl+8 || packet.Checksum(b[ihl:], 0) != 0 {
		return
	}
	n.incoming(b[ihl:], message{from: netip.AddrFrom4([4]byte(b[12:16])), ttl: b[8], tos: b[1]})
}

// message is what is known of an ICMP message beside its bytes.
type message struct {
	from     netip.Addr
	ttl, tos uint8
}

// incoming takes an ICMP message from such a socket. What has nothing to do with
// a mapping belongs to another program and is ignored.
func (n *NAT) incoming(icmp []byte, m message) {
	if len(icmp) < 8 {
		return
	}
	p := packet.Packet{Raw: icmp, V6: m.from.Is6(), Class: packet.ClassICMP, Type: icmp[0], Code: icmp[1]}
	if p.IsEchoReply() {
		a := arrived{
			out:  outer{v6: p.V6, ident: binary.BigEndian.Uint16(icmp[4:])},
			from: m.from, seq: binary.BigEndian.Uint16(icmp[6:]), ttl: m.ttl, tos: m.tos, payload: icmp[8:],
		}
		if n.knows(a.out) {
			n.reply(&a)
		}
		return
	}
	var q packet.Packet
	if !p.Quoted(&q) || q.Class != packet.ClassICMP {
		return
	}
	r, ok := newReport(p.V6, q.Transport())
	if !ok || !n.knows(outer{v6: p.V6, ident: r.ident}) {
		return
	}
	r.dst, r.from, r.typ, r.code, r.ttl, r.info = q.Dst, m.from, p.Type, p.Code, m.ttl, p.MTU()
	switch {
	case p.V6 && p.Type == packet.Type6ParamProblem:
		r.info = binary.BigEndian.Uint32(icmp[4:])
	case !p.V6 && p.Type == packet.TypeParamProblem:
		r.info = uint32(icmp[4])
	}
	n.fail(&r)
}

// knows says whether o belongs to a mapping.
func (n *NAT) knows(o outer) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.outer[o] != nil
}
