package model

import (
	"net/netip"
	"slices"
	"strings"
)

// Snapshot is the whole desired state at one moment, for compiling into lookup structures. Its
// slices and maps are never changed after it was made.
type Snapshot struct {
	Revision uint64           // of the store; grows with every change
	Changed  Changed          // what of it is new
	Tokens   map[string]Token // by id; hashes only
	Plan     Plan

	Tunnels    map[string]Tunnel    // by id
	Connectors map[string]Connector // by id
	Routes     []Route
	Devices    map[string]Device // by id
	Policy     Policy
	Capture    []netip.Prefix // ever routed, and not taken off the capture list by an admin
}

// Changed says of each kind at which revision of the store one of it changed last: two snapshots
// that have the same number have the same things of that kind.
type Changed struct {
	Tunnels, Connectors, Routes, Devices, Policy, Capture uint64
	// Held counts the changes of devices, connectors and tokens that were ever in force before they
	// were written: the revision does not grow with them.
	Held uint64
}

// Tunnel returns the tunnel with that name or id.
func (sn *Snapshot) Tunnel(nameOrID string) (Tunnel, bool) {
	if t, ok := sn.Tunnels[nameOrID]; ok {
		return t, true
	}
	for _, t := range sn.Tunnels {
		if t.Name == nameOrID {
			return t, true
		}
	}
	return Tunnel{}, false
}

// RoutesOf returns the routes that point to a tunnel (id).
func (sn *Snapshot) RoutesOf(tunnel string) []Route {
	var routes []Route
	for _, r := range sn.Routes {
		if r.Tunnel == tunnel {
			routes = append(routes, r)
		}
	}
	return routes
}

// ConnectorsOf returns the connectors of a tunnel (id), oldest first.
func (sn *Snapshot) ConnectorsOf(tunnel string) []Connector {
	var connectors []Connector
	for _, r := range sn.Connectors {
		if r.Tunnel == tunnel {
			connectors = append(connectors, r)
		}
	}
	slices.SortFunc(connectors, func(a, b Connector) int { return a.Created.Compare(b.Created) })
	return connectors
}

// Connector returns the connector of that id, or of an id that begins so and is the only one; n is
// how many begin so.
func (sn *Snapshot) Connector(id string) (c Connector, n int) { return begins(sn.Connectors, id) }

// Token is Connector for tokens.
func (sn *Snapshot) Token(id string) (t Token, n int) { return begins(sn.Tokens, id) }

// shortestID is how much of an id has to be written, in letters.
const shortestID = 4

// begins returns what has that id, or the only one whose id begins so; n is how many do.
func begins[T any](byID map[string]T, id string) (found T, n int) {
	if v, ok := byID[id]; ok {
		return v, 1
	}
	var none T
	for full, v := range byID {
		if len(id) >= shortestID && strings.HasPrefix(full, id) {
			found, n = v, n+1
		}
	}
	if n != 1 {
		return none, n
	}
	return found, 1
}

// Route returns the route of exactly that prefix.
func (sn *Snapshot) Route(p netip.Prefix) (Route, bool) {
	for _, r := range sn.Routes {
		if r.Prefix == p {
			return r, true
		}
	}
	return Route{}, false
}

// Lookup returns the route with the longest prefix that contains a: for people
// who ask; the packet path has a faster table of its own.
func (sn *Snapshot) Lookup(a netip.Addr) (Route, bool) {
	best, found := Route{}, false
	for _, r := range sn.Routes {
		if r.Prefix.Contains(a) && (!found || r.Prefix.Bits() > best.Prefix.Bits()) {
			best, found = r, true
		}
	}
	return best, found
}
