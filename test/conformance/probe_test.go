//go:build linux

package conformance

import (
	"encoding/binary"
	"net/netip"

	"github.com/oneping/oneping/proto/packet"
)

// mtu is that of a plain link.
const mtu = 1500

// probe is one packet, or the fragments of one, that goes through both rows.
type probe struct {
	name  string
	want  string // the kind of answer that row (a) gives; silent if none
	proto uint8  // packet.ICMP (of either version), packet.UDP, packet.TCP; others in catalogue's otherProtocols
	dst   netip.Addr
	port  uint16 // destination port
	ttl   uint8
	tos   uint8
	df    bool
	size  int // bytes of payload
	// pieces are the fragments as ranges of the IP payload, in the order of sending;
	// nil sends it whole, or in pieces of the link's size where it is larger.
	pieces []piece
	// twist damages the packets (or fragments) before they leave.
	twist func(packets [][]byte)
	// options are IPv4 options, a multiple of 4 bytes, or what stands in an IPv6 extension header
	// of type header behind its first two bytes.
	options []byte
	header  uint8
	// slow probes cause errors of which Linux sends one a second to one address
	// (net.ipv4.route.error_cost), whatever its other limits are.
	slow bool

	key uint16 // unique in its row: identification, source port or sequence
}

// piece is a fragment: data bytes from to to, of how they are.
type piece struct {
	from, to int
	more     bool
}

const (
	silent  = "silent"
	anyKind = "" // the other row is all that it is compared with
)

func (p *probe) v6() bool { return p.dst.Is6() }

// ident is the identifier of an echo: 64 probes share one, as the probes of a
// traceroute do.
func (p *probe) ident() uint16 { return 0x4000 | p.key>>6 }

// data returns the payload, which no other probe has.
func (p *probe) data() []byte {
	b := make([]byte, p.size)
	for i := range b {
		b[i] = byte(int(p.key) + int(p.key>>8)*31 + i*7)
	}
	return b
}

// transport returns the IP payload with its checksum.
func (p *probe) transport(src netip.Addr) []byte {
	var b []byte
	at := 6 // of the checksum
	next := p.proto
	switch p.proto {
	case packet.ICMP:
		b = append([]byte{packet.TypeEchoRequest, 0, 0, 0}, 0, 0, 0, 0)
		at = 2
		if p.v6() {
			b[0], next = packet.Type6EchoRequest, packet.ICMPv6
		}
		binary.BigEndian.PutUint16(b[4:], p.ident())
		binary.BigEndian.PutUint16(b[6:], p.key)
	case packet.UDP:
		b = make([]byte, 8)
		binary.BigEndian.PutUint16(b[4:], uint16(8+p.size))
	case packet.TCP:
		b = make([]byte, 20)
		at = 16
		binary.BigEndian.PutUint32(b[4:], synSeq(p.key))
		b[12], b[13] = 5<<4, packet.FlagSYN
		binary.BigEndian.PutUint16(b[14:], 64240)
	default: // as if it were UDP without a length: nobody looks
		b = make([]byte, 8)
	}
	if p.proto != packet.ICMP {
		binary.BigEndian.PutUint16(b, p.key)
		binary.BigEndian.PutUint16(b[2:], p.port)
	}
	b = append(b, p.data()...)
	var sum uint64
	if p.proto != packet.ICMP || p.v6() {
		sum = pseudo(src, p.dst, next, len(b))
	}
	binary.BigEndian.PutUint16(b[at:], packet.Checksum(b, sum))
	if p.proto == packet.UDP && b[6] == 0 && b[7] == 0 {
		b[6], b[7] = 0xff, 0xff
	}
	return b
}

// synSeq is the initial sequence number of a SYN.
func synSeq(key uint16) uint32 { return uint32(key)<<16 | 0x1234 }

// pseudo is the sum of the pseudo header (RFC 768, RFC 8200 §8.1).
func pseudo(src, dst netip.Addr, next uint8, n int) uint64 {
	sum := uint64(next) + uint64(n)
	for _, a := range []netip.Addr{src, dst} {
		raw := a.AsSlice()
		for i := 0; i < len(raw); i += 2 {
			sum += uint64(binary.BigEndian.Uint16(raw[i:]))
		}
	}
	return sum
}

// packets returns what leaves the laptop.
func (p *probe) packets(src netip.Addr) [][]byte {
	body := p.transport(src)
	var out [][]byte
	pieces := p.pieces
	if pieces == nil {
		pieces = p.split(len(body))
	}
	for _, f := range pieces {
		out = append(out, p.ip(src, body[f.from:min(f.to, len(body))], f.from, f.more))
	}
	if p.twist != nil {
		p.twist(out)
	}
	return out
}

// sent returns the IP payload as it left, damage included.
func (p *probe) sent(src netip.Addr) []byte {
	if packets := p.packets(src); p.twist != nil && len(packets) == 1 {
		if d, ok := decode(packets[0]); ok {
			return d.body
		}
	}
	return p.transport(src)
}

// reset returns the segment with which a kernel that knows of no connection answers the SYN-ACK of
// this probe.
func (p *probe) reset(src netip.Addr) []byte {
	r := probe{proto: packet.TCP, dst: p.dst, port: p.port, ttl: 64, key: p.key}
	b := r.transport(src)
	binary.BigEndian.PutUint32(b[4:], synSeq(p.key)+1)
	b[13], b[16], b[17] = packet.FlagRST, 0, 0
	binary.BigEndian.PutUint16(b[16:], packet.Checksum(b, pseudo(src, p.dst, packet.TCP, len(b))))
	return r.ip(src, b, 0, false)
}

// split cuts a payload for the link, or for 1280 bytes with IPv6, as a sender without
// path MTU discovery does (RFC 8200 §5).
func (p *probe) split(n int) []piece {
	whole := mtu - 20 - len(p.options)
	most := whole &^ 7
	if p.v6() {
		whole, most = 1280-40, 1280-48
	}
	if n <= whole {
		return []piece{{0, n, false}}
	}
	var out []piece
	for from := 0; from < n; from += most {
		to := min(from+most, n)
		out = append(out, piece{from, to, to < n})
	}
	return out
}

// ip puts an IP header in front of a payload or fragment.
func (p *probe) ip(src netip.Addr, body []byte, off int, more bool) []byte {
	if p.v6() {
		return p.ip6(src, body, off, more)
	}
	n := 20 + len(p.options)
	b := make([]byte, n, n+len(body))
	b[0], b[1], b[8], b[9] = 0x40|byte(n/4), p.tos, p.ttl, p.proto
	binary.BigEndian.PutUint16(b[2:], uint16(n+len(body)))
	binary.BigEndian.PutUint16(b[4:], p.key)
	frag := uint16(off / 8)
	if more {
		frag |= 0x2000
	}
	if p.df {
		frag |= 0x4000
	}
	binary.BigEndian.PutUint16(b[6:], frag)
	copy(b[12:], src.AsSlice())
	copy(b[16:], p.dst.AsSlice())
	copy(b[20:], p.options)
	binary.BigEndian.PutUint16(b[10:], packet.Checksum(b, 0))
	return append(b, body...)
}

func (p *probe) ip6(src netip.Addr, body []byte, off int, more bool) []byte {
	next := p.proto
	if next == packet.ICMP {
		next = packet.ICMPv6
	}
	b := make([]byte, 40, 48+len(body))
	b[0], b[1] = 0x60|p.tos>>4, p.tos<<4
	b[6], b[7] = next, p.ttl
	copy(b[8:], src.AsSlice())
	copy(b[24:], p.dst.AsSlice())
	if p.options != nil {
		b[6] = p.header
		b = append(append(b, next, byte((len(p.options)+2)/8-1)), p.options...)
	}
	if off > 0 || more {
		b[6] = 44
		b = append(b, next, 0)
		frag := uint16(off)
		if more {
			frag |= 1
		}
		b = binary.BigEndian.AppendUint16(b, frag)
		b = binary.BigEndian.AppendUint32(b, uint32(p.key))
	}
	b = append(b, body...)
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
	return b
}
