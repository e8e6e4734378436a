package policy

import (
	"encoding/binary"
	"iter"
	"net/netip"
	"slices"
	"strings"

	"github.com/oneping/oneping/internal/hop"
)

const (
	// fewTables is how many tables one name may have to be looked up in; more become one.
	fewTables = 4
	// maxMerged bounds the destinations of all tables that were made of several: a policy in which
	// every grant names others keeps what it has above.
	maxMerged = 1 << 17
)

// noGrant is the position of no grant: behind all of them.
const noGrant = int(^uint(0) >> 1)

// index finds the first grant that allows something without looking at the others: what a packet
// costs does not grow with their number. Grants that name the same people are one class, and each
// class has one table of destinations.
type index struct {
	anyone  []*table
	users   map[string][]*table
	groups  map[string][]*table
	devices map[string][]*table
}

// tables returns the tables of all names that p has.
func (x *index) tables(p *Principal) iter.Seq[[]*table] {
	return func(yield func([]*table) bool) {
		if !yield(x.anyone) || p.User != "" && !yield(x.users[p.User]) || p.Device != "" && !yield(x.devices[p.Device]) {
			return
		}
		for _, g := range p.Groups {
			if !yield(x.groups[g]) {
				return
			}
		}
	}
}

// lookup returns the position of the first grant under which p may reach t, or noGrant.
func (x *index) lookup(p *Principal, t *Target) int {
	first, at := noGrant, placeOf(t)
	for list := range x.tables(p) {
		first = firstOf(list, t, at, first)
	}
	return first
}

// place is what tables need to know of where a target is.
type place struct {
	address
	named int  // 0, or how long a prefix is that names it (hop.Metadata): nothing else reaches it then
	v6    bool // its family
	zoned bool // no prefix contains it
}

func placeOf(t *Target) place {
	named, _ := hop.Metadata(t.Dst)
	v6 := t.Dst.Is6()
	return place{addressOf(t.Dst), named, v6, v6 && t.Dst.Zone() != ""}
}

func firstOf(tables []*table, t *Target, at place, first int) int {
	for _, tab := range tables {
		first = min(first, tab.lookup(t, &at))
	}
	return first
}

// table is where one class of people may go.
type table struct {
	any     *services
	tunnels map[string]*services // by id
	v4, v6  prefixes
}

// lookup returns the position of the first grant to t, which is at a place, or noGrant.
func (tab *table) lookup(t *Target, at *place) int {
	first := noGrant
	if at.named == 0 {
		first = tab.any.lookup(t)
		if t.Tunnel != "" && len(tab.tunnels) > 0 {
			first = min(first, tab.tunnels[t.Tunnel].lookup(t))
		}
	}
	switch {
	case at.zoned:
		return first
	case at.v6:
		return min(first, tab.v6.lookup(t, at.address, at.named))
	}
	return min(first, tab.v4.lookup(t, at.address, at.named))
}

// destinations returns how many there are.
func (tab *table) destinations() int { return len(tab.tunnels) + len(tab.v4.at) + len(tab.v6.at) }

// indexer makes an index. What is the same in several places is made once.
type indexer struct {
	grants   []grant
	services map[string]*services // by the positions of their grants
	tables   map[string]*table    // by the positions of their grants
	merged   int                  // destinations of tables that were made of several
}

// newIndex returns the index of grants.
func newIndex(grants []grant) index {
	b := &indexer{grants: grants, services: make(map[string]*services), tables: make(map[string]*table)}
	classes := make(map[string][]int)
	for i := range grants {
		k := grants[i].class()
		classes[k] = append(classes[k], i)
	}
	var anyone [][]int
	users, groups, devices := make(map[string][][]int), make(map[string][][]int), make(map[string][][]int)
	for i := range grants {
		g := &grants[i]
		class := classes[g.class()]
		if class[0] != i { // seen
			continue
		}
		if g.anyone {
			anyone = append(anyone, class)
		}
		for name := range g.users {
			users[name] = append(users[name], class)
		}
		for name := range g.groups {
			groups[name] = append(groups[name], class)
		}
		for name := range g.devices {
			devices[name] = append(devices[name], class)
		}
	}
	return index{anyone: b.join(anyone), users: b.joinAll(users), groups: b.joinAll(groups), devices: b.joinAll(devices)}
}

// class returns what is the same for grants that name the same people.
func (g *grant) class() string {
	who := slices.Clone(g.src.Who)
	slices.Sort(who)
	return strings.Join(slices.Compact(who), "\x00")
}

func (b *indexer) joinAll(names map[string][][]int) map[string][]*table {
	out := make(map[string][]*table, len(names))
	for name, classes := range names {
		out[name] = b.join(classes)
	}
	return out
}

// join returns the tables of one name, which are one where they would be many.
func (b *indexer) join(classes [][]int) []*table {
	if len(classes) > fewTables {
		all := slices.Sorted(slices.Values(slices.Concat(classes...)))
		k := positions(all)
		tab := b.tables[k]
		if tab == nil && b.merged < maxMerged {
			tab = b.table(all)
			b.merged += tab.destinations()
		}
		if tab != nil {
			return []*table{tab}
		}
	}
	out := make([]*table, len(classes))
	for i, class := range classes {
		out[i] = b.table(class)
	}
	return out
}

// table returns the table of the grants at these positions.
func (b *indexer) table(at []int) *table {
	k := positions(at)
	if tab := b.tables[k]; tab != nil {
		return tab
	}
	var all []int
	var order []netip.Prefix // as the grants name them first
	tunnels, prefixes := make(map[string][]int), make(map[netip.Prefix][]int)
	for _, i := range at {
		g := &b.grants[i]
		for _, d := range g.to {
			switch {
			case d.any:
				all = append(all, i)
			case d.prefix.IsValid():
				p := d.prefix.Masked()
				if prefixes[p] == nil {
					order = append(order, p)
				}
				prefixes[p] = append(prefixes[p], i)
			}
		}
		for _, id := range g.tunnels {
			tunnels[id] = append(tunnels[id], i)
		}
	}
	tab := &table{any: b.servicesOf(all), tunnels: make(map[string]*services)}
	for id, at := range tunnels {
		tab.tunnels[id] = b.servicesOf(at)
	}
	for _, p := range order {
		in := &tab.v4
		if p.Addr().Is6() {
			in = &tab.v6
		}
		in.add(p, b.servicesOf(prefixes[p]))
	}
	b.tables[k] = tab
	return tab
}

// servicesOf returns what the grants at these positions allow where they all do; nil for none.
func (b *indexer) servicesOf(at []int) *services {
	if len(at) == 0 {
		return nil
	}
	k := positions(at)
	s := b.services[k]
	if s == nil {
		s = newServices(b.grants, at)
		b.services[k] = s
	}
	return s
}

// positions returns a key for a list of positions.
func positions(at []int) string {
	var k []byte
	for _, i := range at {
		k = binary.AppendUvarint(k, uint64(i))
	}
	return string(k)
}
