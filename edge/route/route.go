// Package route finds the tunnel that serves an address: the longest prefix that holds it (the
// FIB, compiled from the desired routes, the RIB).
package route

import (
	"net/netip"

	"github.com/gaissmai/bart"

	"github.com/oneping/oneping/edge/model"
)

// Entry is what a prefix resolves to.
type Entry struct {
	Prefix netip.Prefix
	Tunnel string // tunnel id
}

// Table is the compiled routes. It never changes after Compile: readers share a pointer to it
// and never lock.
type Table struct {
	t bart.Table[Entry]
}

// Compile makes the lookup structure of routes. Of two routes for one prefix the later one
// wins; the store keeps one.
func Compile(routes []model.Route) *Table {
	t := new(Table)
	for _, r := range routes {
		if p := r.Prefix.Masked(); p.IsValid() && !p.Addr().Is4In6() {
			t.t.Insert(p, Entry{Prefix: p, Tunnel: r.Tunnel})
		}
	}
	return t
}

// Lookup returns the entry with the longest prefix that holds dst, which must not be an IPv4
// address written as IPv6. It does not allocate.
func (t *Table) Lookup(dst netip.Addr) (Entry, bool) { return t.t.Lookup(dst) }

// Tunnel returns the id of the tunnel that serves dst, or "".
func (t *Table) Tunnel(dst netip.Addr) string {
	e, _ := t.t.Lookup(dst)
	return e.Tunnel
}

// Len returns the number of routes.
func (t *Table) Len() int { return t.t.Size() }
