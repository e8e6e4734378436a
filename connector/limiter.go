package connector

import (
	"net/netip"
	"sync"

	"golang.org/x/time/rate"

	"github.com/oneping/oneping/proto/packet"
)

// The rate of ICMP errors that this connector makes itself, for each client
// (RFC 1812 §4.3.2.8, RFC 4443 §2.4f). The burst covers several traceroutes with 16 probes in flight. What is refused for
// want of room leaves half of it to the others: a sweep hides no hop from the same client's traceroute.
const (
	errorRate   = 100 // a second
	errorBurst  = 200
	pathReserve = errorBurst / 2
	maxLimited  = 4096 // clients
)

// limiter bounds the errors to each client. Safe for concurrent use.
type limiter struct {
	mu      sync.Mutex
	clients map[netip.Addr]*rate.Limiter // guarded by mu
}

func newLimiter() *limiter { return &limiter{clients: make(map[netip.Addr]*rate.Limiter)} }

// allow says whether client may now be sent another error about a packet that ended for why.
func (l *limiter) allow(client netip.Addr, why packet.Reason) bool {
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
	if noRoom(why) && c.Tokens() < pathReserve+1 {
		return false
	}
	return c.Allow()
}

// noRoom says whether why is that something was full, of which there may be one for each packet of a sweep.
func noRoom(why packet.Reason) bool {
	return why == packet.Unanswered || why == packet.TableFull || why == packet.NoBuffers
}
