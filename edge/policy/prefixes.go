package policy

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// fewPrefixes is how many prefixes are compared faster one by one than they are looked up.
const fewPrefixes = 8

// prefixes is what grants allow at prefixes of one family. Few are compared one by one, more are
// looked up: once for each length that one of them has.
type prefixes struct {
	few     []near   // in the order of their first grants
	lengths []length // each once
	at      map[cell]*services
}

// near is one of few prefixes.
type near struct {
	cell
	mask  address
	allow *services
}

// length is one that a prefix has.
type length struct {
	bits int
	mask address
}

// cell is a prefix: its address, masked, and its own length.
type cell struct {
	net  address
	bits int
}

// address is one of either family in two words, of IPv4 behind ::ffff:0:0/96.
type address struct{ high, low uint64 }

func addressOf(a netip.Addr) address {
	b := a.As16()
	return address{binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])}
}

func (a address) and(mask address) address {
	return address{a.high & mask.high, a.low & mask.low}
}

// maskOf returns the mask of p.
func maskOf(p netip.Prefix) address {
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	if bits <= 64 {
		return address{high: ^uint64(0) << (64 - bits)}
	}
	return address{^uint64(0), ^uint64(0) << (128 - bits)}
}

// add says what is allowed at p: once for each prefix, and none has an earlier grant than the last.
func (x *prefixes) add(p netip.Prefix, allow *services) {
	mask := maskOf(p)
	k := cell{addressOf(p.Addr()).and(mask), p.Bits()}
	if x.at == nil {
		x.at = make(map[cell]*services)
	}
	x.at[k] = allow
	if l := (length{p.Bits(), mask}); !slices.Contains(x.lengths, l) {
		x.lengths = append(x.lengths, l)
	}
	if x.few = append(x.few, near{k, mask, allow}); len(x.at) > fewPrefixes {
		x.few = nil
	}
}

// lookup returns the position of the first grant to t, or noGrant, of those under which a prefix of
// at least named bits contains t.Dst, whose address is a.
func (x *prefixes) lookup(t *Target, a address, named int) int {
	first := noGrant
	for i := range x.few {
		n := &x.few[i]
		if n.allow.first >= first {
			return first
		}
		if a.and(n.mask) == n.net && n.bits >= named {
			first = min(first, n.allow.lookup(t))
		}
	}
	if len(x.few) > 0 {
		return first
	}
	for i := range x.lengths {
		if l := &x.lengths[i]; l.bits >= named {
			first = min(first, x.at[cell{a.and(l.mask), l.bits}].lookup(t))
		}
	}
	return first
}
