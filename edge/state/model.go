// Package state is the edge's store: desired state (tunnels, routes, devices,
// tokens, policy) in a NATS JetStream key-value bucket, audit events in a
// stream. By default the NATS server is embedded in the process and listens
// nowhere; with a URL the edges of a fleet share an external one, over the same
// code path.
//
// Readers take a Snapshot, which is immutable and costs one atomic load.
// Every change is one write that the store accepts only if nothing at all was
// written since the snapshot it was decided on, and is decided anew otherwise:
// unique names, unique addresses and "no route points to it" therefore hold on
// every edge at once, without locks. When a change returns, it is on disk and
// in the next Snapshot.
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
	UsedBy  []byte     `json:"used_by,omitempty"` // key hash of the device: the same key may ask again when the answer got lost
	Device  string     `json:"device,omitempty"`  // device id that a used device token made
	Revoked bool       `json:"revoked,omitempty"` // rotated or withdrawn
}

// Plan is where device addresses come from. It is chosen at an edge's first start and kept.
type Plan struct {
	Prefix4 netip.Prefix `json:"prefix4"`
	Prefix6 netip.Prefix `json:"prefix6"`
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
	Revision uint64           // of the store; grows with every change
	Tokens   map[string]Token // by id; hashes only
	Plan     Plan

	Tunnels  map[string]Tunnel  // by id
	Replicas map[string]Replica // by id
	Routes   []Route
	Devices  map[string]Device // by id
	Policy   Policy
	Capture  []netip.Prefix // prefixes ever routed and not removed from the capture list by an admin
}
