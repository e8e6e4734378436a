package policy

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/advice"
)

// bad says what is wrong with one term, before it is known where it stands.
func bad(text, hint string) *advice.Error { return &advice.Error{Text: text, Advice: hint} }

// whoKind is the kind of a term of `who`.
type whoKind uint8

const (
	whoAny whoKind = iota
	whoUser
	whoGroup
	whoDevice
)

// whoHint says what a term of who may be.
const whoHint = `write USER, user:USER, group:NAME, device:ID or "*"`

// parseWho reads USER, user:USER, group:NAME, device:ID or *.
func parseWho(s string) (kind whoKind, name string, _ *advice.Error) {
	if s == "*" {
		return whoAny, "", nil
	}
	kind, name = whoUser, s
	if prefix, rest, ok := strings.Cut(s, ":"); ok {
		name = rest
		switch prefix {
		case "user":
		case "group":
			kind = whoGroup
		case "device":
			kind = whoDevice
		default:
			return 0, "", bad("unknown kind "+strconv.Quote(prefix)+" in "+strconv.Quote(s), whoHint)
		}
	}
	if name == "" || strings.TrimSpace(name) != name {
		return 0, "", bad("no name in "+strconv.Quote(s), whoHint)
	}
	return kind, name, nil
}

// toHintFor says what to write in the place of s, which is no destination.
func toHintFor(s string) string {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return "write the address alone, " + ap.Addr().String() + "; ports stand in how: tcp:" + strconv.Itoa(int(ap.Port()))
	}
	if model.IsTunnelName(s) {
		return "for a tunnel write tunnel:" + s + "; " + toHint
	}
	return toHint
}

const toHint = `write a prefix such as 172.16.10.0/24, an address, tunnel:NAME or "*"`

// destination is a term of `to`: one of any, tunnel, prefix.
type destination struct {
	any    bool
	tunnel string // name, as written
	prefix netip.Prefix
}

// parseTo reads PREFIX, ADDRESS, tunnel:NAME or *.
func parseTo(s string) (destination, *advice.Error) {
	if s == "*" {
		return destination{any: true}, nil
	}
	if name, ok := strings.CutPrefix(s, "tunnel:"); ok {
		if name == "" || strings.TrimSpace(name) != name {
			return destination{}, bad("no name in "+strconv.Quote(s), toHint)
		}
		return destination{tunnel: name}, nil
	}
	var p netip.Prefix
	if a, err := netip.ParseAddr(s); err == nil {
		if a.Zone() != "" {
			return destination{}, bad(strconv.Quote(s)+" has a zone", "write the address without %"+a.Zone())
		}
		p = netip.PrefixFrom(a, a.BitLen())
	} else if p, err = netip.ParsePrefix(s); err != nil {
		return destination{}, bad(strconv.Quote(s)+" is neither a prefix nor an address", toHintFor(s))
	}
	if p.Addr().Is4In6() {
		return destination{}, bad(strconv.Quote(s)+" is an IPv4 address written as IPv6", "write "+p.Addr().Unmap().String())
	}
	if p.Masked() != p {
		return destination{}, bad(strconv.Quote(s)+" has bits set behind its length", "write "+p.Masked().String()+", or "+p.Addr().String()+" for that one address")
	}
	return destination{prefix: p}, nil
}

// ports is an inclusive range of ports of one protocol; any stands for all of everything.
type ports struct {
	any      bool
	proto    Proto
	from, to uint16
}

const howHint = `write trace (what traceroute, tracepath and mtr need), icmp, "udp:53", "tcp:22,443", "tcp:8000-8100", "tcp:*" or "*"; quote what holds a comma`

// howHintFor says what to write in the place of s, which is no term of how.
func howHintFor(s string) string {
	switch name, ports, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(s, "/", ":")), ":"); {
	case name == "ping" || name == "icmp6" || name == "icmpv6":
		return "write icmp: it is ICMPv6, too"
	case name == "traceroute" || name == "tracepath" || name == "mtr":
		return "write " + traceWord + ": ICMP, and the UDP ports of traceroute, tracepath and mtr"
	case name == "ssh" && ports == "":
		return "write tcp:22"
	case (name == "icmp" || name == traceWord) && ports == "":
		return "write " + name
	case ports == "tcp" || ports == "udp":
		return "write " + strconv.Quote(ports+":"+name)
	case (name == "tcp" || name == "udp") && ports != "":
		return "write " + strconv.Quote(name+":"+ports)
	}
	if _, err := strconv.ParseUint(s, 10, 16); err == nil {
		return "write tcp:" + s + " or udp:" + s + "; quote what holds a comma: \"tcp:22,443\""
	}
	return howHint
}

// parseHow reads trace, icmp, udp:PORTS, tcp:PORTS or *, PORTS being * or a comma
// separated list of ports and ranges, and appends what it says.
func parseHow(to []ports, s string) ([]ports, *advice.Error) {
	switch s {
	case "*":
		return append(to, ports{any: true}), nil
	case "icmp":
		return append(to, ports{proto: ICMP, to: 65535}), nil
	case traceWord:
		return append(to, tracePorts()...), nil
	case "tcp", "udp":
		return to, bad(strconv.Quote(s)+" names no port", `write "`+s+`:*" for all of them`)
	}
	name, list, ok := strings.Cut(s, ":")
	proto, known := ParseProto(name)
	if !ok || !known || proto == ICMP {
		return to, bad(strconv.Quote(s)+" is not a protocol and its ports", howHintFor(s))
	}
	if list == "*" {
		return append(to, ports{proto: proto, to: 65535}), nil
	}
	for item := range strings.SplitSeq(list, ",") {
		from, last, isRange := strings.Cut(item, "-")
		if !isRange {
			last = from
		}
		a, errA := strconv.ParseUint(from, 10, 16)
		b, errB := strconv.ParseUint(last, 10, 16)
		if errA != nil || errB != nil || a == 0 || a > b {
			return to, bad(strconv.Quote(item)+" in "+strconv.Quote(s)+" is neither a port nor a range of ports", howHint)
		}
		to = append(to, ports{proto: proto, from: uint16(a), to: uint16(b)})
	}
	return to, nil
}
