package connector

import (
	"net/netip"
	"sync"
)

const maxTTLs = 8192

// lastTTL remembers the TTL with which each address was last heard. Safe for
// concurrent use.
type lastTTL struct {
	mu  sync.Mutex
	ttl map[netip.Addr]uint8 // guarded by mu
}

func newLastTTL() *lastTTL { return &lastTTL{ttl: make(map[netip.Addr]uint8)} }

// seen notes a TTL.
func (l *lastTTL) seen(a netip.Addr, ttl uint8) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ttl) >= maxTTLs {
		clear(l.ttl) // a fallback that may be forgotten
	}
	l.ttl[a] = ttl
}

// get returns the last TTL of a, 0 for none.
func (l *lastTTL) get(a netip.Addr) uint8 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ttl[a]
}
