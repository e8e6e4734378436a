package relay

import (
	"math/rand/v2"
	"net/netip"
	"sync/atomic"

	"github.com/oneping/oneping/internal/link"
)

const (
	// askedSets and askedWays make 262,144 places (2 MiB): as many pairs of destination and identifier
	// may be asked at a time. A set is a cache line.
	askedSets = 1 << 15
	askedWays = 8
	// askedRegions are what devices are spread over: one that asks everybody at once makes those forget that
	// share its region, no others.
	askedRegions = 16
	// askedFor is how long a request may be answered, in epochs of sweepEvery: 60 s (RFC 5508
	// REQ-2), and less than one more. That is how long a connector remembers it.
	askedFor = 6
	// answersEach is how many answers a request may have: its own, and the duplicate that a network
	// made of it, which people want to see.
	answersEach = 2
	// maxAnswers bounds what requests that nobody answers add up to: a connector remembers 1,024 of a pinger.
	maxAnswers = 1024 * answersEach
)

// asked remembers what devices have pinged, so that a connector can answer, or report an error
// about, what was asked and nothing else: each request that goes on gives credit, each answer that
// comes back takes it. Safe for concurrent use; it takes no lock and allocates nothing.
//
// A place is one word, so that it changes whole:
//
//	 63                              32 31            16 15             0
//	+----------------------------------+----------------+----------------+
//	| tag: the other half of the hash  | epoch of the   | credit         |
//	|                                  | last request   |                |
//	+----------------------------------+----------------+----------------+
//
// A place whose epoch is over is free. Where a set is full, the pair that was asked longest ago makes room.
type asked struct {
	sets  [askedSets][askedWays]atomic.Uint64
	seed  uint64 // nobody can choose who shares a set
	epoch atomic.Uint32
}

func newAsked() *asked {
	a := &asked{seed: rand.Uint64()}
	a.epoch.Store(askedFor + 1) // what was never used is over
	return a
}

// sweep begins another epoch.
func (a *asked) sweep() { a.epoch.Add(1) }

// note gives credit for the answers to an echo request.
func (a *asked) note(o link.Owner, dst netip.Addr, ident uint16) {
	set, tag := a.find(o, dst, ident)
	now := uint16(a.epoch.Load())
	for {
		place, was := choose(set, tag, now)
		credit := uint64(answersEach)
		if uint32(was>>32) == tag && age(was, now) <= askedFor {
			credit = min(was&0xffff+answersEach, maxAnswers)
		}
		if place.CompareAndSwap(was, uint64(tag)<<32|uint64(now)<<16|credit) {
			return
		}
	}
}

// take says whether there was credit for an answer from dst, or an error about a packet for it, and takes it.
func (a *asked) take(o link.Owner, dst netip.Addr, ident uint16) bool {
	set, tag := a.find(o, dst, ident)
	now := uint16(a.epoch.Load())
	for i := range set {
		for {
			v := set[i].Load()
			if uint32(v>>32) != tag || age(v, now) > askedFor || v&0xffff == 0 {
				break
			}
			if set[i].CompareAndSwap(v, v-1) {
				return true
			}
		}
	}
	return false
}

// find returns the set of a pinger and a destination, and the tag.
func (a *asked) find(o link.Owner, dst netip.Addr, ident uint16) (set *[askedWays]atomic.Uint64, tag uint32) {
	h := addrHash(mix(a.seed^uint64(o)<<16^uint64(ident)), dst)
	const size = askedSets / askedRegions
	return &a.sets[uint64(o)%askedRegions*size+h>>32%size], uint32(h)
}

// choose returns the place of tag and what is in it, or of what was asked longest ago.
func choose(set *[askedWays]atomic.Uint64, tag uint32, now uint16) (place *atomic.Uint64, was uint64) {
	for i := range uint32(askedWays) {
		at := &set[(tag+i)%askedWays] // of equals any
		v := at.Load()
		if uint32(v>>32) == tag {
			return at, v
		}
		if place == nil || age(v, now) > age(was, now) {
			place, was = at, v
		}
	}
	return place, was
}

// age returns how many epochs ago the place v was asked last.
func age(v uint64, now uint16) uint16 { return now - uint16(v>>16) }

// credit is how many answers a device may still get about one thing.
type credit struct{ n atomic.Int32 }

// give adds n, up to most or as many more as are given at the same moment.
func (c *credit) give(n, most int32) {
	if c.n.Load() < most {
		c.n.Add(n)
	}
}

// take takes one, if there is one.
func (c *credit) take() bool {
	for {
		n := c.n.Load()
		if n <= 0 {
			return false
		}
		if c.n.CompareAndSwap(n, n-1) {
			return true
		}
	}
}
