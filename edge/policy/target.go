package policy

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/oneping/oneping/internal/advice"
)

// Target is what is asked for.
type Target struct {
	Dst    netip.Addr
	Proto  Proto
	Port   uint16 // 0 where the protocol has none
	Tunnel string // id of the tunnel that Dst routes to; empty without a route
}

// ported says whether the target's protocol has ports.
func (t *Target) ported() bool { return t.Proto == TCP || t.Proto == UDP }

// String returns the target as people write it: "icmp 172.16.10.120", "tcp 172.16.10.120:22".
func (t Target) String() string {
	if !t.ported() {
		return t.Proto.String() + " " + t.Dst.String()
	}
	return t.Proto.String() + " " + netip.AddrPortFrom(t.Dst, t.Port).String()
}

// ParseTarget reads what people write, in a policy's tests and when they ask why. The tunnel stays
// empty. An IPv6 address before a port stands in brackets. There are two spellings:
//
//	icmp ADDRESS         ADDRESS
//	tcp ADDRESS:PORT     ADDRESS:PORT, ADDRESS:PORT/tcp
//	udp ADDRESS:PORT     ADDRESS:PORT/udp
func ParseTarget(s string) (Target, error) {
	t, err := parseTarget(s)
	if err == nil && t.Dst.Zone() != "" { // it means something on one host alone
		return Target{}, notTarget(s)
	}
	return t, err
}

func parseTarget(s string) (Target, error) {
	name, at, ok := strings.Cut(s, " ")
	if !ok {
		return parseShort(s)
	}
	proto, known := ParseProto(name)
	a, err := netip.ParseAddr(at)
	switch {
	case !known:
		return Target{}, notTarget(s)
	case proto != ICMP:
		return parseAt(s, proto, at)
	case err != nil:
		return Target{}, notTarget(s)
	}
	return Target{Dst: a.Unmap(), Proto: ICMP}, nil
}

// parseShort reads the spelling that begins with the address.
func parseShort(s string) (Target, error) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return Target{Dst: a.Unmap(), Proto: ICMP}, nil
	}
	at, name, named := strings.Cut(s, "/")
	if !named {
		name = TCP.String()
	}
	t, err := parseAt(s, TCP, at)
	if err != nil {
		return t, err
	}
	proto, known := ParseProto(name)
	if !known || proto == ICMP {
		return Target{}, &advice.Error{Text: strconv.Quote(s) + ": unknown protocol " + strconv.Quote(name), Advice: "write /tcp or /udp"}
	}
	t.Proto = proto
	return t, nil
}

// parseAt reads ADDRESS:PORT; s is the whole target.
func parseAt(s string, proto Proto, at string) (Target, error) {
	ap, err := netip.ParseAddrPort(at)
	if err != nil {
		return Target{}, notTarget(s)
	}
	return Target{Dst: ap.Addr().Unmap(), Proto: proto, Port: ap.Port()}, nil
}

func notTarget(s string) error {
	return &advice.Error{
		Text: strconv.Quote(s) + " is not a target",
		Advice: `write "icmp ADDRESS", "tcp ADDRESS:PORT" or "udp ADDRESS:PORT"; ` +
			"or ADDRESS for ICMP, ADDRESS:PORT for TCP, ADDRESS:PORT/udp for UDP; [ADDRESS]:PORT for IPv6",
	}
}
