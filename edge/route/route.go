// Package route finds the tunnel that serves an address: the longest prefix of
// its virtual network (the FIB, compiled from the desired routes, the RIB).
package route

import (
	"net/netip"

	"github.com/gaissmai/bart"

	"github.com/oneping/oneping/edge/state"
)

// Entry is what a prefix resolves to.
type Entry struct {
	Prefix netip.Prefix
	Tunnel string // tunnel id
}

// FIB holds one table for each virtual network. It never changes after Compile: readers
// share a pointer to it and never lock.
type FIB struct {
	vnets map[string]*Table
}

// Table is the routes of one virtual network.
type Table struct {
	t bart.Table[Entry]
}

// Compile makes the lookup structure of routes. Of two routes for one prefix
// of a virtual network the later one wins; the store keeps one.
func Compile(routes []state.Route) *FIB {
	f := &FIB{vnets: make(map[string]*Table)}
	for _, r := range routes {
		t := f.vnets[r.VNet]
		if t == nil {
			t = new(Table)
			f.vnets[r.VNet] = t
		}
		if p := r.Prefix.Masked(); p.IsValid() && !p.Addr().Is4In6() {
			t.t.Insert(p, Entry{Prefix: p, Tunnel: r.Tunnel})
		}
	}
	return f
}

// VNet returns the table of a virtual network ("" is the default one); never nil.
func (f *FIB) VNet(name string) *Table {
	if t := f.vnets[name]; t != nil {
		return t
	}
	return new(Table)
}

// Lookup returns the entry with the longest prefix that holds dst, which must
// not be an IPv4 address written as IPv6. It does not allocate.
func (t *Table) Lookup(dst netip.Addr) (Entry, bool) { return t.t.Lookup(dst) }

// Tunnel returns the id of the tunnel that serves dst, or "".
func (t *Table) Tunnel(dst netip.Addr) string {
	e, _ := t.t.Lookup(dst)
	return e.Tunnel
}

// Len returns the number of routes.
func (t *Table) Len() int { return t.t.Size() }
