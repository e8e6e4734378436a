//go:build linux

package conformance

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/oneping/oneping/proto/packet"
)

// place is a destination and what is there. A probe for it passes hops routers; with
// a TTL that is not larger it ends in one of them.
type place struct {
	name string
	v4   netip.Addr
	v6   netip.Addr
	port uint16
	hops int
	// What answers an echo, a UDP datagram, a SYN that arrives.
	echo, udp, tcp string
	// early: the last router says no before it looks at the TTL (ip_error), once a second.
	early bool
}

func (p *place) addr(v6 bool) netip.Addr {
	if v6 {
		return p.v6
	}
	return p.v4
}

// answer returns the kind that a probe of one protocol with one TTL gets.
func (p *place) answer(proto, ttl uint8) string {
	limit := p.hops
	if p.early {
		limit--
	}
	if int(ttl) <= limit {
		return "time exceeded"
	}
	switch proto {
	case packet.UDP:
		return p.udp
	case packet.TCP:
		return p.tcp
	}
	return p.echo
}

// Ports of the origin; the firewalls of scene do what the names say.
const (
	portOpen     = 7000
	portClosed   = 7001
	portFiltered = 7002 // the origin drops
	portRefused  = 7003 // the last router says prohibited
	portRejected = 7004 // the origin says prohibited
)

var (
	server4, server6 = netip.MustParseAddr("172.16.12.120"), netip.MustParseAddr("fd6f:6e65:7069:12::120")

	// dead is nobody's address in the last network.
	dead = place{
		name: "dead", v4: netip.MustParseAddr("172.16.12.99"), v6: netip.MustParseAddr("fd6f:6e65:7069:12::99"), port: portClosed, hops: 4,
		echo: "host unreachable", udp: "host unreachable", tcp: "host unreachable",
	}

	// places are the destinations of the UDP and TCP probes.
	places = []place{
		{name: "open", v4: server4, v6: server6, port: portOpen, hops: 4, udp: "UDP", tcp: "SYN-ACK"},
		{name: "closed", v4: server4, v6: server6, port: portClosed, hops: 4, udp: "port unreachable", tcp: "RST"},
		{name: "filtered", v4: server4, v6: server6, port: portFiltered, hops: 4, udp: silent, tcp: silent},
		{name: "refused by a router", v4: server4, v6: server6, port: portRefused, hops: 4, udp: "admin prohibited", tcp: "admin prohibited"},
		{name: "rejecting", v4: server4, v6: server6, port: portRejected, hops: 4, udp: "admin prohibited", tcp: "admin prohibited"},
		dead,
		{
			name: "unrouted", v4: netip.MustParseAddr("172.16.30.7"), v6: netip.MustParseAddr("fd6f:6e65:7069:1f::7"), port: portClosed, hops: 4,
			echo: "net unreachable", udp: "net unreachable", tcp: "net unreachable", early: true,
		},
	}

	// hops are the routers themselves.
	hops = []place{
		{name: "the edge", v4: netip.MustParseAddr("172.68.101.57"), v6: netip.MustParseAddr("fd6f:6e65:7069:101::57"), hops: 0},
		{name: "the connector", v4: netip.MustParseAddr("172.16.10.100"), v6: netip.MustParseAddr("fd6f:6e65:7069:10::100"), hops: 1},
		{name: "r1", v4: netip.MustParseAddr("172.16.10.1"), v6: netip.MustParseAddr("fd6f:6e65:7069:10::1"), hops: 2},
		{name: "r2", v4: netip.MustParseAddr("172.16.11.2"), v6: netip.MustParseAddr("fd6f:6e65:7069:11::2"), hops: 3},
	}

	// sizes of echo payloads: none, less than a header, ping's, traceroute's, about the sizes at
	// which routers cut what they quote (RFC 1812: 576, RFC 4443: 1280), the largest that cross in
	// one piece, and larger.
	sizes = []int{0, 1, 8, 32, 56, 520, 521, 1000, 1208, 1472, 8000, 65507}
)

// wholeSize is the largest of them that every link of both rows carries in one piece.
const wholeSize = 1208

// ttls end at each hop, at the origin, and beyond.
var ttls = []uint8{1, 2, 3, 4, 5, 6}

func version(v6 bool) string {
	if v6 {
		return "v6"
	}
	return "v4"
}

var protoNames = map[uint8]string{packet.ICMP: "echo", packet.UDP: "UDP", packet.TCP: "SYN"}

// catalogue returns the probes of one IP version for two rows without rate limits.
func catalogue(v6 bool) []probe {
	return slices.Concat(echoes(v6), transports(v6), ownAddresses(v6), classes(v6), fragments(v6), damaged(v6), options(v6), otherProtocols(v6))
}

// echoes: every size, with DF and without, with every TTL.
func echoes(v6 bool) []probe {
	var out []probe
	to := place{hops: 4, echo: "echo reply"}
	for _, size := range sizes {
		for _, df := range []bool{false, true} {
			if df && (v6 || size > wholeSize) {
				continue // no such bit; larger ones are for the narrow links
			}
			for _, ttl := range ttls {
				p := probe{proto: packet.ICMP, dst: server4, ttl: ttl, df: df, size: size, want: to.answer(packet.ICMP, ttl)}
				if v6 {
					p.dst = server6
				}
				p.name = fmt.Sprintf("echo %s, %d bytes, DF %v, TTL %d", version(v6), size, df, ttl)
				out = append(out, p)
			}
		}
	}
	return out
}

// transports: UDP and TCP to every place with every TTL, echoes to the places without ports.
func transports(v6 bool) []probe {
	var out []probe
	for i := range places {
		to := &places[i]
		for _, proto := range []uint8{packet.UDP, packet.TCP, packet.ICMP} {
			if proto == packet.ICMP && to.echo == "" {
				continue
			}
			for _, ttl := range ttls {
				p := probe{proto: proto, dst: to.addr(v6), port: to.port, ttl: ttl, want: to.answer(proto, ttl)}
				if proto != packet.TCP {
					p.size = 12
				}
				p.slow = to.early && !v6 && p.want == to.udp
				p.name = fmt.Sprintf("%s %s to %s, TTL %d", protoNames[proto], version(v6), to.name, ttl)
				out = append(out, p)
			}
		}
	}
	for _, size := range []int{0, 1, 1472, 8000, 65507} {
		p := probe{proto: packet.UDP, dst: places[0].addr(v6), port: portOpen, ttl: 64, size: size, want: "UDP"}
		p.name = fmt.Sprintf("UDP %s, %d bytes", version(v6), size)
		out = append(out, p)
	}
	return out
}

// ownAddresses: the hops as destinations. Each is delivered before its TTL is looked at.
func ownAddresses(v6 bool) []probe {
	var out []probe
	for i := range hops {
		to := &hops[i]
		to.echo, to.udp = "echo reply", "port unreachable"
		for _, proto := range []uint8{packet.ICMP, packet.UDP} {
			for _, ttl := range []uint8{1, 2, 3, 4, 64} {
				p := probe{proto: proto, dst: to.addr(v6), port: portClosed, ttl: ttl, size: 24, want: to.answer(proto, ttl)}
				p.name = fmt.Sprintf("%s %s to %s, TTL %d", protoNames[proto], version(v6), to.name, ttl)
				out = append(out, p)
			}
		}
	}
	return out
}

// classes: the DSCP values in use, and ECN, there and back and in what routers quote.
func classes(v6 bool) []probe {
	var out []probe
	for i, tos := range []uint8{0x20, 0x28, 0x48, 0x68, 0x88, 0xb8, 0xe0, 0x02, 0xb9} {
		for _, proto := range []uint8{packet.ICMP, packet.UDP, packet.TCP} {
			if proto == packet.TCP && tos&3 != 0 {
				continue // ECN is negotiated, not set on a SYN (RFC 3168 §6.1.1)
			}
			for _, ttl := range []uint8{2, 3, 64} {
				to := places[1-i%2] // the closed port, the open one
				to.echo = "echo reply"
				p := probe{proto: proto, dst: to.addr(v6), port: to.port, ttl: ttl, tos: tos, want: to.answer(proto, ttl)}
				if proto != packet.TCP {
					p.size = 16
				}
				p.name = fmt.Sprintf("%s %s, TOS %#02x, TTL %d", protoNames[proto], version(v6), tos, ttl)
				out = append(out, p)
			}
		}
	}
	return out
}

// fragments: in order, backwards, twice, in the smallest pieces, and those that never
// become whole (RFC 791, RFC 5722).
func fragments(v6 bool) []probe {
	type case_ struct {
		name   string
		proto  uint8
		size   int
		ttl    uint8
		want   string
		pieces []piece
	}
	const whole = 8 + 120
	var out []probe
	for _, c := range []case_{
		{"two", packet.UDP, 120, 64, "UDP", []piece{{0, 64, true}, {64, whole, false}}},
		{"two", packet.ICMP, 120, 64, "echo reply", []piece{{0, 64, true}, {64, whole, false}}},
		{"backwards", packet.UDP, 120, 64, "UDP", []piece{{64, whole, false}, {0, 64, true}}},
		{"backwards", packet.ICMP, 120, 64, "echo reply", []piece{{64, whole, false}, {0, 64, true}}},
		{"smallest", packet.ICMP, 32, 64, "echo reply", []piece{{0, 8, true}, {8, 16, true}, {16, 24, true}, {24, 32, true}, {32, 40, false}}},
		{"two, TTL 3", packet.UDP, 120, 3, "time exceeded", []piece{{0, 64, true}, {64, whole, false}}},
		{"overlapping", packet.UDP, 120, 64, silent, []piece{{0, 64, true}, {56, whole, false}}},
		{"overlapping", packet.ICMP, 120, 64, silent, []piece{{0, 64, true}, {56, whole, false}}},
		{"first missing", packet.ICMP, 120, 64, silent, []piece{{64, whole, false}}},
		{"beyond 65,535", packet.ICMP, 120, 64, silent, []piece{{0, 64, true}, {64, whole, false}}},
	} {
		to := places[0].addr(v6)
		p := probe{
			name:  fmt.Sprintf("fragments %s, %s, %s", version(v6), protoNames[c.proto], c.name),
			proto: c.proto, dst: to, port: portOpen, ttl: c.ttl, size: c.size, want: c.want, pieces: c.pieces,
		}
		if c.name == "beyond 65,535" {
			p.twist = beyond
		}
		out = append(out, p)
	}
	return out
}

// otherProtocols: GRE, ESP, SCTP and one of nobody's expire in the first router, and are unreachable
// there. What is behind it only Linux routers carry.
func otherProtocols(v6 bool) []probe {
	var out []probe
	for _, proto := range []uint8{47, 50, 132, 253} {
		for _, size := range []int{0, 12, 1208} {
			expires := probe{proto: proto, dst: places[0].addr(v6), ttl: 1, tos: 0x28, size: size, want: "time exceeded"}
			expires.name = fmt.Sprintf("protocol %d %s, %d bytes, TTL 1", proto, version(v6), size)
			own := probe{proto: proto, dst: hops[0].addr(v6), ttl: 64, size: size, want: "protocol unreachable"}
			own.name = fmt.Sprintf("protocol %d %s to the edge, %d bytes", proto, version(v6), size)
			out = append(out, expires, own)
		}
	}
	return out
}
