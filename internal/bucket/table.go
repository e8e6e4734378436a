// Package bucket keeps token buckets by key in bounded memory: what somebody may do so often, where
// the somebodies are not known beforehand and may be many.
package bucket

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// sweepEvery is how often a full table is searched for keys that it may forget: the search is
// linear, and a flood of new keys must not make it at each.
const sweepEvery = time.Second

// Table is a bounded set of token buckets. A key whose bucket is full again is as good as unknown
// and is forgotten when there is need. Where none is, newcomers share one bucket until there is
// room: those that are in the table keep what they have. Safe for concurrent use.
type Table[K comparable] struct {
	rate  rate.Limit
	burst int
	most  int

	mu    sync.Mutex
	keys  map[K]*rate.Limiter
	rest  *rate.Limiter // of all keys that found no room
	swept time.Time
}

// New returns a table of at most most buckets of burst tokens, refilled at perSecond.
func New[K comparable](perSecond rate.Limit, burst, most int) *Table[K] {
	t := &Table[K]{rate: perSecond, burst: burst, most: most, keys: make(map[K]*rate.Limiter)}
	t.rest = t.bucket()
	return t
}

func (t *Table[K]) bucket() *rate.Limiter { return rate.NewLimiter(t.rate, t.burst) }

// Take takes a token of k, if there is one.
func (t *Table[K]) Take(k K, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.keys[k]
	if e == nil {
		e = t.add(k, now)
	}
	return e.AllowN(now, 1)
}

// Tokens returns how many tokens k has. It makes no place for k.
func (t *Table[K]) Tokens(k K, now time.Time) float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e := t.keys[k]; {
	case e != nil:
		return e.TokensAt(now)
	case len(t.keys) >= t.most:
		return t.rest.TokensAt(now)
	}
	return float64(t.burst)
}

// add makes a place for k, or returns the bucket of those that have none.
func (t *Table[K]) add(k K, now time.Time) *rate.Limiter {
	if len(t.keys) >= t.most && now.Sub(t.swept) >= sweepEvery {
		t.swept = now
		t.forget(now)
	}
	if len(t.keys) >= t.most {
		return t.rest
	}
	e := t.bucket()
	t.keys[k] = e
	return e
}

// forget drops the keys whose bucket is full again.
func (t *Table[K]) forget(now time.Time) {
	for k, e := range t.keys {
		if e.TokensAt(now) >= float64(t.burst) {
			delete(t.keys, k)
		}
	}
}

// Network returns what one party commonly has of addresses: the /24 of an IPv4 address, the /64 of
// an IPv6 address.
func Network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil { // the zero address: all that have none are one
		return netip.Prefix{}
	}
	return p
}
