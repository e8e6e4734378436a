package icmp

import (
	"encoding/binary"
	"net/netip"

	"github.com/oneping/oneping/proto/packet"
)

// incoming4 takes a whole IPv4 packet from a socket that sees all ICMP of this host. Its length
// field is not looked at: macOS has it in another byte order. Such a socket gets its copy before
// the kernel verifies the ICMP checksum (Linux: raw_local_deliver, icmp_rcv), discards the packet
// and counts it, so that we discard it, too (RFC 5508 REQ-3). Of ICMPv6 nothing damaged comes here
// (RFC 3542 §3.1).
func (n *NAT) incoming4(b []byte) {
	if len(b) < 20 {
		return
	}
	ihl := int(b[0]&15) * 4
	if ihl < 20 || len(b) < ihl+8 || packet.Checksum(b[ihl:], 0) != 0 {
		return
	}
	n.Incoming(b[ihl:], Message{From: netip.AddrFrom4([4]byte(b[12:16])), TTL: b[8], TOS: b[1], Options: b[20:ihl]})
}

// Incoming takes an ICMP message from a transport that sees all ICMP of its host. What has nothing
// to do with a mapping belongs to another program and is ignored.
func (n *NAT) Incoming(icmp []byte, m Message) {
	if len(icmp) < 8 {
		return
	}
	p := packet.Packet{Raw: icmp, V6: m.From.Is6(), Class: packet.ClassICMP, Type: icmp[0], Code: icmp[1]}
	if p.IsQueryReply() {
		a := reply{
			out:  Outer{V6: p.V6, Ident: binary.BigEndian.Uint16(icmp[4:])},
			from: m.From, seq: binary.BigEndian.Uint16(icmp[6:]), timestamp: !p.IsEchoReply(), code: p.Code,
			ttl: m.TTL, tos: m.TOS, options: m.Options, payload: icmp[8:],
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
	quoted, x := packet.SplitQuote(q.Transport(), q.Hdr, p.ExtensionAt(), p.V6)
	e, ok := errorAbout(p.V6, quoted)
	if !ok || !n.knows(e.Outer) {
		return
	}
	e.dst, e.Error = q.Dst, packet.Error{Src: m.From, Type: p.Type, Code: p.Code, TTL: m.TTL, MTU: p.MTU(), Extension: x}
	switch {
	case p.V6 && p.Type == packet.Type6ParamProblem:
		e.Pointer = binary.BigEndian.Uint32(icmp[4:])
	case !p.V6 && p.Type == packet.TypeParamProblem:
		e.Pointer = uint32(icmp[4])
	}
	n.fail(&e)
}

// knows says whether o belongs to a mapping.
func (n *NAT) knows(o Outer) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.outer[o] != nil
}
