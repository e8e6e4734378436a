package connector

import (
	"net/netip"
	"sync"

	"golang.org/x/time/rate"
)

// The rate of ICMP errors that this connector makes itself, for each client
// (RFC 1812 §4.3.2.8). The burst covers several traceroutes with 16 probes in flight.
const (
	errorRate  = 100 // a second
	errorBurst = 200
	maxLimited = 4096 // clients
)

// limiter bounds the errors to each client. Safe for concurrent use.
type limiter struct {
	mu      sync.Mutex
	clients map[netip.Addr]*rate.Limiter // guarded by mu
}

func newLimiter() *limiter { return &limiter{clients: make(map[netip.Addr]*rate.Limiter)} }

// allow says whether client may be sent another error now.
func (l *limiter) allow(client netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.clients[client]
	if c == nil {
		if len(l.clients) >= maxLimited {
			clear(l.clients) // full buckets for all: harmless
		}
		c = rate.NewLimiter(errorRate, errorBurst)
		l.clients[client] = c
	}
	return c.Allow()
}
