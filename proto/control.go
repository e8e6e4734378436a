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
	Event   *Event   `json:"event,omitempty"`
	Report  *Report  `json:"report,omitempty"`
	Denial  *Denial  `json:"denial,omitempty"`
	Renew   *Renew   `json:"renew,omitempty"`
	Renewed *Renewed `json:"renewed,omitempty"`
	Ended   *Ended   `json:"ended,omitempty"`
}

// Hello is a node's first message. To an edge that has said HelloAgain it may be
// sent again on the same link when one of its Facts has changed; nothing else in
// it changes then.
type Hello struct {
	Version  string    `json:"version"`
	Hostname string    `json:"hostname"`
	OS       string    `json:"os"`
	Arch     string    `json:"arch"`
	Started  time.Time `json:"started"`
	Time     time.Time `json:"time,omitzero"` // what the node's clock says; an older node does not
	// Boot is a random id of this run of the process: it tells a reconnect (same) from a restart (new).
	Boot string `json:"boot"`
	// Yield asks to be let in only where no other process with this identity is: it
	// has taken over from this one. An edge that is older does not know it.
	Yield bool `json:"yield,omitempty"`
	// Extensions says that this node reads the extensions of ICMP errors (UDPEvent, FlowAnswer).
	Extensions bool `json:"extensions,omitempty"`
	Facts
}

// Facts are what may change while a link is up.
type Facts struct {
	// ICMP says how a connector does ICMP: "ping", "raw", "off: REASON".
	ICMP string `json:"icmp,omitempty"`
}

// Welcome is the edge's answer to Hello: the link is open. For a connector
// Addrs, Capture are empty.
type Welcome struct {
	Edge    string       `json:"edge"` // the edge's id
	Version string       `json:"version"`
	Hops    []netip.Addr `json:"hops"` // the edge's hop addresses, at most one per family
	// HelloAgain says that the edge takes another Hello on this link. An older edge ends the link.
	HelloAgain bool `json:"hello_again,omitempty"`
	// Time is what the edge's clock says; an older edge does not.
	Time time.Time `json:"time,omitzero"`
	// Extensions says that the edge reads the extensions of ICMP errors. An older one would drop what
	// has them.
	Extensions bool `json:"extensions,omitempty"`
	// Edges are the addresses, host:port, under which nodes are to reach this edge from now on, at
	// most MaxEdges; none where nobody has said so to it. They are what a new token would have.
	Edges []string `json:"edges,omitempty"`
	Config
}

// MaxEdges is how many addresses an edge tells its nodes, and puts into tokens, at most.
const MaxEdges = 16

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
	// Expected is how many the other side had sent, as its marks say (Heartbeat), up to the newest
	// that has come, and Lost how many of those never did. An older peer says neither.
	Expected uint64 `json:"expected,omitempty"`
	Lost     uint64 `json:"lost,omitempty"`
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

// Ended tells a connector that devices have been revoked or deleted: whatever it has open for these
// addresses (sessions, mappings, flows) ends. It may be said more than once, and before Welcome.
type Ended struct {
	Addrs []netip.Addr `json:"addrs"` // at most MaxEnded
}

// MaxControl is the size of the largest control message, in bytes.
const MaxControl = 1 << 20

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
