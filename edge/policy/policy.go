// Package policy decides who may reach what, and says why.
//
// Deny by default. Grants are data: each has a unique id, who (users, groups,
// devices), to (prefixes, tunnels) and how (icmp, udp ports, tcp ports); any
// match allows and there are no deny rules. Parse reads the YAML
// document, Compile makes the form that packets are checked against, Decide
// answers without allocating, Check runs the document's own tests, and Log
// keeps the denials of which people ask why.
package policy

import "strconv"

// Proto is a protocol, by its IP number. Grants name the three below; ICMPv6 is ICMP here. Others are
// carried for nobody: who may reach a destination by any of the three is not denied by the policy what
// nobody has.
type Proto uint8

// The protocols.
const (
	ICMP Proto = 1
	TCP  Proto = 6
	UDP  Proto = 17
)

// String returns the protocol as grants write it.
func (p Proto) String() string {
	switch p {
	case ICMP:
		return "icmp"
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	}
	return "protocol " + strconv.Itoa(int(p))
}

// ParseProto reads what String wrote.
func ParseProto(s string) (Proto, bool) {
	switch s {
	case "icmp":
		return ICMP, true
	case "tcp":
		return TCP, true
	case "udp":
		return UDP, true
	}
	return 0, false
}

// Principal is who asks: a user on a device, with the groups of that user.
type Principal struct {
	Device string   `json:"device,omitempty"` // device id
	User   string   `json:"user,omitempty"`
	Groups []string `json:"groups,omitempty"`
}

// Decision is the answer to "may this principal reach that?".
type Decision struct {
	Allowed bool
	Grant   string // id of the grant that allows; empty when denied
}
