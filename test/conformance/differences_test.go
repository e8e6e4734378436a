//go:build linux

package conformance

import (
	"strings"

	"github.com/oneping/oneping/proto/packet"
)

// difference is one field of one kind of packet that oneping shows otherwise than
// Linux routers do, and rightly so.
type difference struct {
	kind, field string
	// is says whether values of the two rows differ in the way meant; p is the probe.
	is     func(p *probe, linux, oneping string) bool
	reason string
	source string // RFC or kernel
}

// maxDifferences bounds the table: more would be excuses.
const maxDifferences = 12

var differences = []difference{
	{
		kind: "time exceeded", field: "quoted fragment", is: inPieces,
		reason: "A packet that was sent in fragments is quoted whole: the client reassembles before anything is decided, as a NAT does (the Linux connector quotes it whole, too).",
		source: "RFC 4787 REQ-14, RFC 5508 §4",
	},
	{kind: "time exceeded", field: "quoted length", is: inPieces, reason: "The same: the length of the whole.", source: "RFC 4787 REQ-14"},
	{
		kind: "time exceeded", field: "quoted payload", is: inPieces,
		reason: "The same: more of the whole fits into the error than the first fragment had.", source: "RFC 1812 §4.3.2.3",
	},
	{
		kind: "echo reply", field: "fragments",
		is: func(p *probe, linux, oneping string) bool {
			return p.size > 1280-48 && linux != "[]" && oneping == "[]"
		},
		reason: "A reply larger than the device's MTU is handed to the host whole: fragments would only be put together again.",
		source: "RFC 791 §2.3, Linux tun_get_user accepts up to 65,535 bytes whatever the MTU is",
	},
	{
		kind: "UDP", field: "fragments",
		is: func(p *probe, linux, oneping string) bool {
			return p.size > 1280-48 && linux != "[]" && oneping == "[]"
		},
		reason: "The same for a datagram.", source: "RFC 791 §2.3",
	},
	{
		kind: "UDP", field: "DF",
		is:     func(p *probe, linux, oneping string) bool { return !p.v6() && linux == "true" && oneping == "false" },
		reason: "No socket tells whether a datagram came with DF. Without it the last link, which is the host's own device, may do what it must.",
		source: "ip(7): there is no control message for it; RFC 6864 §4.1",
	},
	{
		kind: "SYN-ACK", field: "window",
		is:     func(_ *probe, _, oneping string) bool { return oneping != "0" },
		reason: "TCP ends at the client, whose own buffer it announces.", source: "RFC 9293 §3.8.6; RFC 3135 §2.1",
	},
	{
		kind: "echo reply", field: "options",
		is: func(p *probe, linux, oneping string) bool {
			return (strings.Contains(p.name, "record route") || strings.Contains(p.name, "timestamp")) && len(oneping) == len(linux)
		},
		reason: "The edge enters its hop address, as it has no other; the connector the address that its sockets use. Times differ in any two runs.",
		source: "RFC 791 §3.1: the router's own address \"as known in the environment into which this datagram is being forwarded\"",
	},
	{
		kind: "time exceeded", field: "answers to a burst of 20",
		is:     func(_ *probe, linux, oneping string) bool { return linux == "6" && oneping == "20" },
		reason: "Edge and connector limit what a client makes them say, too, but not below the 16 probes that traceroute has in flight.",
		source: "RFC 1812 §4.3.2.8 leaves the limit to the router; Linux net.ipv4.icmp_ratelimit",
	},
	{
		kind: silent, field: "kind",
		is: func(p *probe, _, oneping string) bool {
			return strings.Contains(p.name, "last missing") && oneping == "reassembly timeout"
		},
		reason: "The client puts fragments together in the place of their destination, and says so when one is missing. Row (a)'s NAT drops them in silence, as it is no host.",
		source: "RFC 792, RFC 8200 §4.5; Linux ip_expire: not for IP_DEFRAG_CONNTRACK_IN",
	},
	{
		kind: "time exceeded", field: "kind",
		is: func(p *probe, linux, oneping string) bool {
			return strings.Contains(p.name, "bad checksum") && p.proto != packet.ICMP && oneping == silent
		},
		reason: "UDP and TCP end at the client, which discards what is damaged as their endpoint must, before any hop sees it.",
		source: "RFC 1122 §4.1.3.4, §4.2.2.7",
	},
	{
		kind: "parameter problem", field: "kind",
		is:     func(p *probe, _, oneping string) bool { return p.v6() && p.header != hopOptions && oneping == silent },
		reason: "No unprivileged socket sends extension headers. A packet whose destination would have to know one of them is dropped; only the destination itself may say what it does not know.",
		source: "RFC 8200 §4; ipv6(7): IPV6_DSTOPTS and IPV6_RTHDR need CAP_NET_RAW (Linux do_ipv6_setsockopt)",
	},
}

// inPieces: the probe was sent in fragments, or is larger than the first link.
func inPieces(p *probe, _, _ string) bool { return len(p.split(p.size+8)) > 1 || p.pieces != nil }
