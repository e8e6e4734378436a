package proto

import "net/netip"

// MaxCapture is the number of prefixes that a client takes off its host at most.
const MaxCapture = 100_000

// Config is what the edge wants of a node; sent again whenever it changes. The
// configurations of a link are numbered from 1; numbers of two links have nothing to do with each other.
//
// The list of captured prefixes may be long. It travels in pages, which are
// consecutive on their stream, and, to a node that has said Applied, as a change
// of the one sent before:
//
//	{"number":1,"capture":[…],"more":true}    the beginning of configuration 1
//	{"number":1,"capture":[…]}                its end: it may be applied
//	{"number":3,"base":1,"capture":[…]}       3 is 1 and these; 2 was never sent
//	{"number":4,"base":3,"remove":[…]}        4 is 3 without these
type Config struct {
	Number uint64 `json:"number,omitempty"` // 0: of an edge that does not number
	// Base is the configuration that Capture is added to and Remove taken from; 0 = none, Capture
	// is everything.
	Base uint64 `json:"base,omitempty"`
	// Newest is the number of a configuration that is still to come; 0 = Number is the newest.
	Newest uint64 `json:"newest,omitempty"`
	More   bool   `json:"more,omitempty"` // another page of this number follows: nothing is applied before

	Addrs   []netip.Addr   `json:"addrs,omitempty"`   // the device's addresses, at most one per family
	Capture []netip.Prefix `json:"capture,omitempty"` // prefixes that a client takes off the host, at most MaxCapture in all
	Remove  []netip.Prefix `json:"remove,omitempty"`  // prefixes that it gives back
	User    string         `json:"user,omitempty"`    // whom the device belongs to
	Device  string         `json:"device,omitempty"`  // device or connector id
	Tunnel  string         `json:"tunnel,omitempty"`  // a connector's tunnel name
	// IdleSeconds ends an idle UDP session, at the latest; 0 = 300. See hop.SessionIdle.
	IdleSeconds uint16 `json:"idle_seconds,omitempty"`
}

// Applied says which configuration a client has, after it has changed its host.
// From the first one on, the edge may send changes.
type Applied struct {
	Number uint64 `json:"number"`
	Error  string `json:"error,omitempty"` // why the host is not as Number says
	// Whole asks for the whole configuration: a change did not fit the one that it has.
	Whole bool `json:"whole,omitempty"`
}
