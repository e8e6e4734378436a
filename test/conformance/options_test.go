//go:build linux

package conformance

import (
	"fmt"

	"github.com/oneping/oneping/proto/packet"
)

// option4 are IPv4 options, and what the first router says about them ("" passes them on).
type option4 struct {
	name    string
	options []byte
	want    string
	// echoOnly: asked of the origin by an echo only. Linux sends what was recorded back with other
	// answers, too, or writes over it in what it quotes, whose checksum is wrong then.
	echoOnly bool
}

const problem = "parameter problem"

// options4: RFC 791 §3.1, RFC 1812 §5.2.4, §5.3.13.
var options4 = []option4{
	{"no operation", []byte{1, 1, 1, 0}, "", false},
	{"unknown", []byte{30, 4, 1, 2}, "", false},
	{"unknown, copied", []byte{158, 4, 1, 2}, "", false},
	{"router alert", []byte{148, 4, 0, 0}, "", false},
	{"behind the end", []byte{0, 7, 40, 1}, "", true},
	{"record route", []byte{7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "", true},
	{"record route, full", []byte{7, 7, 8, 1, 2, 3, 4, 0}, "", true},
	{"timestamp", []byte{68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "", true},
	{"timestamp, full", []byte{68, 8, 9, 0, 1, 2, 3, 4}, "", true},
	{"source route", []byte{131, 7, 4, 10, 0, 0, 1, 0}, silent, false},
	{"strict source route", []byte{137, 7, 4, 10, 0, 0, 1, 0}, silent, false},
	{"cut off", []byte{1, 1, 1, 7}, problem, false},
	{"longer than the header", []byte{30, 5, 1, 2}, problem, false},
	{"of length 0", []byte{1, 30, 0, 1}, problem, false},
	{"of length 1", []byte{1, 30, 1, 1}, problem, false},
	{"wrong behind a source route", []byte{131, 3, 4, 30, 9, 0, 0, 0}, problem, false},
	{"source route of 2 bytes", []byte{131, 2, 0, 0}, problem, false},
	{"source route, pointer 3", []byte{131, 7, 3, 10, 0, 0, 1, 0}, problem, false},
	{"source route twice", []byte{131, 3, 4, 137, 3, 4, 0, 0}, problem, false},
	{"record route of 2 bytes", []byte{7, 2, 0, 0}, problem, false},
	{"record route, pointer 3", []byte{7, 7, 3, 0, 0, 0, 0, 0}, problem, false},
	{"record route, half a place", []byte{7, 7, 6, 0, 0, 0, 0, 0}, problem, false},
	{"timestamp of 3 bytes", []byte{68, 3, 5, 0}, problem, false},
	{"timestamp, pointer 4", []byte{68, 8, 4, 0, 0, 0, 0, 0}, problem, false},
	{"timestamp, half a place", []byte{68, 8, 7, 0, 0, 0, 0, 0}, problem, false},
	{"timestamp, no place for an address", []byte{68, 8, 5, 1, 0, 0, 0, 0}, problem, false},
	{"timestamp, overflow", []byte{68, 4, 5, 0xf0}, problem, false},
	{"router alert of 2 bytes", []byte{148, 2, 0, 0}, problem, false},
}

// option6 is an extension header of IPv6 behind its first two bytes, and what is said about it: by
// the first router where it is a hop-by-hop header, else by the origin.
type option6 struct {
	name   string
	header uint8 // hop-by-hop, destination options, routing
	bytes  []byte
	want   string
}

const (
	hopOptions         = 0
	routingHeader      = 43
	destinationOptions = 60
)

// options6: RFC 8200 §4.2 to §4.4, RFC 2711, RFC 2675.
var options6 = []option6{
	{"padding", hopOptions, []byte{1, 4, 0, 0, 0, 0}, ""},
	{"padding of single bytes", hopOptions, []byte{0, 0, 0, 0, 0, 0}, ""},
	{"router alert", hopOptions, []byte{5, 2, 0, 0, 1, 0}, ""},
	{"router alert of 3 bytes", hopOptions, []byte{5, 3, 0, 0, 0, 0}, silent},
	{"unknown, pass over", hopOptions, []byte{0x1e, 4, 1, 2, 3, 4}, ""},
	{"unknown, discard", hopOptions, []byte{0x5e, 4, 1, 2, 3, 4}, silent},
	{"unknown, tell", hopOptions, []byte{0x9e, 4, 1, 2, 3, 4}, problem},
	{"unknown, tell one", hopOptions, []byte{0xde, 4, 1, 2, 3, 4}, problem},
	{"unknown, the third", hopOptions, []byte{0, 0x1e, 5, 1, 2, 3, 4, 5, 0, 0x9e, 2, 1, 2, 0}, problem},
	{"cut off", hopOptions, []byte{1, 2, 0, 0, 0x1e, 1}, silent},
	{"jumbo payload of 65,535", hopOptions, []byte{0xc2, 4, 0, 0, 0xff, 0xff}, problem},
	{"jumbo payload beside a length", hopOptions, []byte{0xc2, 4, 0, 1, 0, 0}, problem},
	{"destination option, pass over", destinationOptions, []byte{0x1e, 4, 1, 2, 3, 4}, ""},
	{"destination option, discard", destinationOptions, []byte{0x5e, 4, 1, 2, 3, 4}, silent},
	{"destination option, tell", destinationOptions, []byte{0x9e, 4, 1, 2, 3, 4}, problem},
	{"routing header, no segments left", routingHeader, []byte{99, 0, 0, 0, 0, 0}, ""},
	{"routing header, a segment left", routingHeader, []byte{99, 1, 0, 0, 0, 0}, problem},
}

// options returns the packets with options: of each protocol, to the origin and expiring in the
// first router, which reads the options first; then to the first router itself, and to where no way
// leads.
func options(v6 bool) []probe {
	var out []probe
	add := func(name, want string, ttl uint8, p probe) {
		to := places[0]
		to.echo = "echo reply"
		p.ttl, p.want = ttl, want
		if want == "" {
			p.want = to.answer(p.proto, ttl)
		}
		p.dst, p.port, p.size = to.addr(v6), portOpen, 16
		if p.proto == packet.TCP {
			p.size = 0
		}
		p.name = fmt.Sprintf("%s %s, %s, TTL %d", protoNames[p.proto], version(v6), name, ttl)
		out = append(out, p)
	}
	for _, proto := range []uint8{packet.ICMP, packet.UDP, packet.TCP} {
		for _, ttl := range []uint8{1, 64} {
			for _, o := range options4 {
				if !v6 && (!o.echoOnly || proto == packet.ICMP && ttl == 64) {
					add(o.name, o.want, ttl, probe{proto: proto, options: o.options})
				}
			}
			for _, o := range options6 {
				atOrigin := o.header != hopOptions && o.want != ""
				if v6 && (!atOrigin || ttl == 64) {
					add(o.name, o.want, ttl, probe{proto: proto, header: o.header, options: o.bytes})
				}
			}
		}
	}
	for _, to := range []*place{&hops[0], &hops[3], &places[len(places)-1]} {
		for _, proto := range []uint8{packet.ICMP, packet.UDP} {
			p := probe{proto: proto, dst: to.addr(v6), port: portClosed, ttl: 64, size: 16, want: problem, options: []byte{30, 5, 1, 2}}
			if v6 {
				p.options = []byte{0x9e, 4, 1, 2, 3, 4}
			}
			p.name = fmt.Sprintf("%s %s to %s, wrong option", protoNames[proto], version(v6), to.name)
			out = append(out, p)
		}
	}
	return out
}
