package proto

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"
)

// Control is one message on the control stream: a JSON object with exactly one
// of these members. Unknown members are ignored, so that a newer peer can
// speak to an older one.
type Control struct {
	Hello   *Hello   `json:"hello,omitempty"`
	Welcome *Welcome `json:"welcome,omitempty"`
	Config  *Config  `json:"config,omitempty"`
	Applied *Applied `json:"applied,omitempty"`
	Routes  *Routes  `json:"routes,omitempty"`
	Drain   *Drain   `json:"drain,omitempty"`
	Event   *Event   `json:"event,omitempty"`
	Report  *Report  `json:"report,omitempty"`
	Denial  *Denial  `json:"denial,omitempty"`
	Renew   *Renew   `json:"renew,omitempty"`
	Renewed *Renewed `json:"renewed,omitempty"`
	Ended   *Ended   `json:"ended,omitempty"`
}

// Hello is a node's first message.
type Hello struct {
	Version  string    `json:"version"`
	Hostname string    `json:"hostname"`
	OS       string    `json:"os"`
	Arch     string    `json:"arch"`
	Started  time.Time `json:"started"`
	// Boot is a random id of this run of the process: it tells a reconnect (same) from a restart (new).
	Boot string `json:"boot"`
	// ICMP says how a connector does ICMP: "ping", "raw", "off: REASON".
	ICMP string `json:"icmp,omitempty"`
}

// Welcome is the edge's answer to Hello: the link is open. For a connector
// Addrs, Capture are empty.
type Welcome struct {
	Edge    string       `json:"edge"` // the edge's id
	Version string       `json:"version"`
	Hops    []netip.Addr `json:"hops"` // the edge's hop addresses, at most one per family
	Config
}

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
	// Base is the configuration that Capture is added to and Remove taken from; 0 = none, Capture is everything.
	Base uint64 `json:"base,omitempty"`
	// Newest is the number of a configuration that is still to come; 0 = Number is the newest.
	Newest uint64 `json:"newest,omitempty"`
	More   bool   `json:"more,omitempty"` // another page of this number follows: nothing is applied before

	Addrs   []netip.Addr   `json:"addrs,omitempty"`   // the device's addresses, at most one per family
	Capture []netip.Prefix `json:"capture,omitempty"` // prefixes that a client takes off the host, at most MaxCapture in all
	Remove  []netip.Prefix `json:"remove,omitempty"`  // prefixes that it gives back
	User    string         `json:"user,omitempty"`    // whom the device belongs to
	Device  string         `json:"device,omitempty"`  // device or replica id
	Tunnel  string         `json:"tunnel,omitempty"`  // a connector's tunnel name
	// Silent says that "unreachable" answers are off (`unreachable: silent`).
	Silent bool `json:"silent,omitempty"`
	// IdleSeconds ends an idle UDP session, at the latest; 0 = 300. See SessionIdle.
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

// Routes is a page of a versioned delta of prefixes that a connector serves.
type Routes struct {
	Version uint64         `json:"version"`
	Add     []netip.Prefix `json:"add,omitempty"`
	Remove  []netip.Prefix `json:"remove,omitempty"`
	More    bool           `json:"more,omitempty"` // another page of this version follows
}

// Drain asks the node to move to another edge.
type Drain struct {
	Reason string `json:"reason"`
}

// Event tells the other side something that a person should be able to read
// there too: why it was refused, what is wrong with it.
type Event struct {
	Code Code   `json:"code"`
	Text string `json:"text"`
}

// Report says how many datagrams this side has sent and received on the link,
// so that the other side can count what was lost unseen.
type Report struct {
	Sent     uint64 `json:"sent"`
	Received uint64 `json:"received"`
}

// Denial tells a client which packet was denied, so that `client status --denials` can list it.
type Denial struct {
	ID       DecisionID `json:"id"`
	Time     time.Time  `json:"time"`
	Protocol string     `json:"protocol"` // icmp, udp, tcp
	Dst      string     `json:"dst"`      // address, or address:port
}

// Renew asks for a new certificate for the same key.
type Renew struct {
	CSR []byte `json:"csr"` // PKCS #10, DER
}

// Renewed answers Renew.
type Renewed struct {
	Cert  []byte `json:"cert,omitempty"` // X.509, DER
	Error string `json:"error,omitempty"`
}

// MaxEnded is how many addresses one Ended names: with the longest there are it is well below MaxControl.
const MaxEnded = 4096

// Ended tells a connector that devices have been revoked or deleted: whatever it has open for these addresses (sessions,
// mappings, flows) ends. It may be said more than once, and before Welcome.
type Ended struct {
	Addrs []netip.Addr `json:"addrs"` // at most MaxEnded
}

// AppendControl appends m behind its length. It fails on a message over MaxControl.
func AppendControl(b []byte, m *Control) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return b, fmt.Errorf("encode control message: %w", err)
	}
	if len(body) > MaxControl {
		return b, fmt.Errorf("encode control message: %d bytes, %d allowed", len(body), MaxControl)
	}
	return append(AppendLength(b, len(body)), body...), nil
}

// ParseControl reads the body of a control message, without its length.
func ParseControl(body []byte) (Control, error) {
	var m Control
	if err := json.Unmarshal(body, &m); err != nil {
		return Control{}, fmt.Errorf("parse control message: %w", err)
	}
	return m, nil
}
