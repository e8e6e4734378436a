package policy

import (
	"net/netip"
	"strconv"
)

// othersWord stands for all services and destinations that have no line of their own.
const othersWord = "others"

// sumKey names a sum.
type sumKey struct {
	user string
	dst  netip.Addr
	what service
}

// allPorts names the sum of all ports of a destination.
func (k sumKey) allPorts() sumKey {
	k.what = service{proto: k.what.proto, all: true}
	return k
}

// service is a protocol and port, or all ports; trace stands for all probes.
type service struct {
	proto      Proto
	port       uint16
	trace, all bool
}

func serviceOf(t *Target) service {
	switch {
	case t.Proto == UDP && isProbe(t.Port):
		return service{proto: UDP, trace: true}
	case t.ported():
		return service{proto: t.Proto, port: t.Port}
	}
	return service{proto: t.Proto}
}

// ported says whether it is one port.
func (s service) ported() bool { return !s.trace && !s.all && (s.proto == TCP || s.proto == UDP) }

// String returns the service as a grant names it.
func (s service) String() string {
	switch {
	case s.trace:
		return traceWord
	case s.ported():
		return s.proto.String() + ":" + strconv.Itoa(int(s.port))
	}
	return s.proto.String()
}
