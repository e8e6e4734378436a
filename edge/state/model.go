package state

import (
	"net/netip"
	"time"
)

// Tunnel is the administrative object that routes point to; its replicas are
// the connectors that enrolled with its token.
type Tunnel struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	VNet    string    `json:"vnet,omitempty"`
	Created time.Time `json:"created"`
}

// Replica is one enrolled connector of a tunnel.
type Replica struct {
	ID       string    `json:"id"`
	Tunnel   string    `json:"tunnel"` // tunnel id
	Hostname string    `json:"hostname"`
	OS       string    `json:"os"`
	KeyHash  []byte    `json:"key_hash"` // SHA-256 of its public key (SubjectPublicKeyInfo)
	Created  time.Time `json:"created"`
	LastSeen time.Time `json:"last_seen"`
	Revoked  bool      `json:"revoked,omitempty"`
}

// Route is a desired prefix → tunnel entry (RIB).
type Route struct {
	Prefix  netip.Prefix `json:"prefix"`
	Tunnel  string       `json:"tunnel"` // tunnel id
	VNet    string       `json:"vnet,omitempty"`
	Created time.Time    `json:"created"`
}

// Device is one enrolled client.
type Device struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"` // host name
	User     string     `json:"user"`
	OS       string     `json:"os"`
	Addr4    netip.Addr `json:"addr4"`
	Addr6    netip.Addr `json:"addr6"`
	KeyHash  []byte     `json:"key_hash"`
	Created  time.Time  `json:"created"`
	LastSeen time.Time  `json:"last_seen"`
	Revoked  bool       `json:"revoked,omitempty"`
}

// Addrs returns the device's addresses, at most one per family.
func (d *Device) Addrs() []netip.Addr {
	var a []netip.Addr
	for _, x := range []netip.Addr{d.Addr4, d.Addr6} {
		if x.IsValid() {
			a = append(a, x)
		}
	}
	return a
}

// Token is the edge's record of a token: never the secret itself.
type Token struct {
	ID      string     `json:"id"`
	Kind    string     `json:"kind"` // proto.TokenDevice, proto.TokenTunnel
	Hash    []byte     `json:"hash"` // SHA-256 of the secret
	Tunnel  string     `json:"tunnel,omitempty"`
	User    string     `json:"user,omitempty"`
	Created time.Time  `json:"created"`
	Expires *time.Time `json:"expires,omitempty"`
	Used    *time.Time `json:"used,omitempty"`
	Revoked bool       `json:"revoked,omitempty"` // rotated or withdrawn
}

// Policy is the policy document, as `policy apply -f` reads and `policy show` prints it.
type Policy struct {
	Groups map[string][]string `json:"groups,omitempty" yaml:"groups,omitempty"` // group → users
	Grants []Grant             `json:"grants" yaml:"grants"`
	Tests  []PolicyTest        `json:"tests,omitempty" yaml:"tests,omitempty"`
}

// Grant says who may reach what and how. Any match allows; there are no deny rules.
type Grant struct {
	ID  string   `json:"id" yaml:"id"`
	Who []string `json:"who" yaml:"who"` // USER, user:USER, group:NAME, device:ID, *
	To  []string `json:"to" yaml:"to"`   // PREFIX, ADDRESS, tunnel:NAME, *
	How []string `json:"how" yaml:"how"` // icmp, udp:53, tcp:22,443, tcp:8000-8100, tcp:*, *
}

// PolicyTest is one line of a policy's own tests: an update that fails one is refused.
type PolicyTest struct {
	Who    string   `json:"who" yaml:"who"`                           // user
	Accept []string `json:"accept,omitempty" yaml:"accept,omitempty"` // icmp ADDRESS, tcp ADDRESS:PORT, udp ADDRESS:PORT
	Deny   []string `json:"deny,omitempty" yaml:"deny,omitempty"`
}

// Snapshot is the whole desired state at one moment, for compiling into
// lookup structures. Its slices and maps are never changed after it was made.
type Snapshot struct {
	Tunnels  map[string]Tunnel  // by id
	Replicas map[string]Replica // by id
	Routes   []Route
	Devices  map[string]Device // by id
	Policy   Policy
	Capture  []netip.Prefix // prefixes ever routed and not removed from the capture list by an admin
}
