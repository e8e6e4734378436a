package admin

import (
	"net/netip"
	"time"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/policy"
)

// Tunnel is a tunnel with its routes and connectors.
type Tunnel struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Created    time.Time      `json:"created"`
	Routes     []netip.Prefix `json:"routes"`
	Connectors []Connector    `json:"connectors"`
	// MaxConnectors is how many may be enrolled at a time.
	MaxConnectors int `json:"max_connectors"`
	// Hint is about a tunnel that was just created.
	Hint string `json:"hint,omitempty"`
}

// RenamedTunnel is a tunnel under its new name.
type RenamedTunnel struct {
	Tunnel
	Was    string   `json:"was"`
	Grants []string `json:"grants"` // that name it by the new name now
}

// Connected counts the connectors that have a link now.
func (t *Tunnel) Connected() int {
	n := 0
	for _, c := range t.Connectors {
		if c.Link != nil {
			n++
		}
	}
	return n
}

// Connector is one enrolled connector of a tunnel.
type Connector struct {
	ID       string    `json:"id"`
	Tunnel   string    `json:"tunnel"` // name
	Hostname string    `json:"hostname"`
	OS       string    `json:"os"`
	Created  time.Time `json:"created"`
	LastSeen time.Time `json:"last_seen,omitzero"`
	Revoked  bool      `json:"revoked,omitempty"`
	Link     *Presence `json:"link,omitempty"` // nil: not connected
}

// Route is a route with its tunnel's name.
type Route struct {
	Prefix    netip.Prefix `json:"prefix"`
	Tunnel    string       `json:"tunnel"`
	Connected int          `json:"connected"` // connectors with a link now
	Created   time.Time    `json:"created"`
	Hint      string       `json:"hint,omitempty"` // of a route that was just added: what is still missing
}

// Lookup says where an address goes.
type Lookup struct {
	Addr       netip.Addr  `json:"addr"`
	Route      *Route      `json:"route,omitempty"` // nil: no route
	Connectors []Connector `json:"connectors,omitempty"`
	Captured   bool        `json:"captured"`         // by clients
	Kept       string      `json:"kept,omitempty"`   // what it is, where every host keeps it to itself: "loopback"
	Silent     bool        `json:"silent,omitempty"` // the edge drops what it refuses
}

// Device is an enrolled client.
type Device struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	User     string     `json:"user"`
	OS       string     `json:"os"`
	Addr4    netip.Addr `json:"addr4,omitzero"`
	Addr6    netip.Addr `json:"addr6,omitzero"`
	Created  time.Time  `json:"created"`
	LastSeen time.Time  `json:"last_seen,omitzero"`
	Revoked  bool       `json:"revoked,omitempty"`
	Link     *Presence  `json:"link,omitempty"` // nil: not connected
}

// Token is a token that was made or printed again.
type Token struct {
	Token   string    `json:"token"`
	ID      string    `json:"id"`
	Edges   []string  `json:"edges"`
	Expires time.Time `json:"expires,omitzero"`
	Hint    string    `json:"hint,omitempty"` // what is still missing for it to be of use
	// Evicted are the connectors that were put out with the token of before.
	Evicted []Connector `json:"evicted,omitempty"`
}

// IssuedToken is a token as the edge remembers it, without its secret.
type IssuedToken struct {
	ID      string     `json:"id"`
	Kind    string     `json:"kind"`             // device, tunnel
	User    string     `json:"user,omitempty"`   // whose device it enrols
	Tunnel  string     `json:"tunnel,omitempty"` // whose connectors it enrols, by name
	Created time.Time  `json:"created"`
	Expires time.Time  `json:"expires,omitzero"` // of a device token
	State   TokenState `json:"state"`
	Used    time.Time  `json:"used,omitzero"`
	Device  string     `json:"device,omitempty"` // that has enrolled with it
}

// For says for whom a token is: a user, or a tunnel.
func (t *IssuedToken) For() string {
	if t.Tunnel != "" {
		return "tunnel " + t.Tunnel
	}
	return t.User
}

// TokenState says what a token is good for.
type TokenState string

// The states of a token.
const (
	TokenGood      TokenState = "good"      // it enrols who shows it
	TokenUsed      TokenState = "used"      // one of a device, which has enrolled
	TokenExpired   TokenState = "expired"   // nobody used it in time
	TokenRotated   TokenState = "rotated"   // a newer one of its tunnel, or a rekey, replaced it
	TokenCancelled TokenState = "cancelled" // by an administrator
)

// RevokedUser says what a user has lost.
type RevokedUser struct {
	User    string        `json:"user"`
	Devices []Device      `json:"devices"` // that are revoked now
	Tokens  []IssuedToken `json:"tokens"`  // that are cancelled now
	Before  int           `json:"before"`  // devices that were revoked already
	Hint    string        `json:"hint,omitempty"`
}

// Explanation is a decision with the route that goes with it.
type Explanation struct {
	policy.Explanation
	Route *Lookup `json:"route,omitempty"`
}

// Policy is a policy with the text that it was written as.
type Policy struct {
	model.Policy
	Source string `json:"source"` // YAML, comments and all
	Base   string `json:"base"`   // names that text: who changes it says what he has read
}

// Applied says what came of a new policy, or what would.
type Applied struct {
	Grants int `json:"grants"`
	Groups int `json:"groups"`
	Tests  int `json:"tests"`
	// Unreached are the routed prefixes that no grant reaches.
	Unreached []netip.Prefix `json:"unreached,omitempty"`
	// Missing are the tunnels that grants name and that do not exist: the policy before named them, too.
	Missing []string `json:"missing,omitempty"`
	// Changes are what it has otherwise than the policy before.
	Changes []policy.Change `json:"changes,omitempty"`
	// Hints are about what is no mistake, and may be one: a user without a device.
	Hints []string `json:"hints,omitempty"`
}
