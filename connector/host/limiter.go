package host

import (
	"net/netip"
	"sync"

	"golang.org/x/time/rate"

	"github.com/oneping/oneping/internal/table"
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
	// guarded by mu
	mu      sync.Mutex
	clients *table.Recent[netip.Addr, *rate.Limiter]
}

func newLimiter() *limiter {
	return &limiter{clients: table.NewRecent[netip.Addr, *rate.Limiter](maxLimited)}
}

// allow says whether client may now be sent another error about a packet that ended for why.
func (l *limiter) allow(client netip.Addr, why packet.Reason) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.clients.Get(client)
	if !ok {
		c = rate.NewLimiter(errorRate, errorBurst)
		l.clients.Put(client, c) // the client that has had no error for longest makes room: its burst is full again
	}
	if wantOfRoom(why) && c.Tokens() < pathReserve+1 {
		return false
	}
	return c.Allow()
}

// wantOfRoom says whether why is that something was full, of which there may be one for each packet of a sweep.
func wantOfRoom(why packet.Reason) bool {
	return why == packet.Unanswered || why == packet.TableFull || why == packet.NoBuffers
}
