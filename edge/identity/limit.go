package identity

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	// Enrolments per source address (a /64 for IPv6) and second, and at once.
	sourceRate, sourceBurst = 2, 20
	// Enrolments of all sources per second, and at once.
	totalRate, totalBurst = 100, 400
	// New connections per second, and at once, whose sources are believed unproven.
	handshakeRate, handshakeBurst = 100, 200
	// maxSources bounds the table; at the bound idle sources are forgotten.
	maxSources = 4096
	// maxEnrols bounds the enrolments under way.
	maxEnrols = 64
)

// limits bounds how fast enrolments are looked at: each costs a signature and
// perhaps a write with fsync.
type limits struct {
	total      *rate.Limiter
	handshakes *rate.Limiter
	underWay   atomic.Int32

	mu      sync.Mutex
	sources map[netip.Addr]*rate.Limiter
}

func newLimits() *limits {
	return &limits{
		total:      rate.NewLimiter(totalRate, totalBurst),
		handshakes: rate.NewLimiter(handshakeRate, handshakeBurst),
		sources:    make(map[netip.Addr]*rate.Limiter),
	}
}

// RequireRetry says whether a new connection must prove its address first
// (QUIC Retry, RFC 9000 §8.1.2): when many arrive at once, some may be forged.
func (a *Authority) RequireRetry(net.Addr) bool { return !a.limits.handshakes.Allow() }

// enter takes a place for one enrolment of from, which leave gives back; or why
// there is none. A source beyond its own rate takes no place from the others.
func (l *limits) enter(from netip.Addr, now time.Time) (leave func(), refusal string) {
	if !l.allow(from, now) {
		return nil, "too many enrolments from this address; try again in a minute"
	}
	if l.underWay.Add(1) > maxEnrols {
		l.underWay.Add(-1)
		return nil, "too many enrolments at once; try again"
	}
	return func() { l.underWay.Add(-1) }, ""
}

// allow says whether one more request of from may be looked at now.
func (l *limits) allow(from netip.Addr, now time.Time) bool {
	return l.source(from, now).AllowN(now, 1) && l.total.AllowN(now, 1)
}

func (l *limits) source(from netip.Addr, now time.Time) *rate.Limiter {
	from = from.Unmap().WithZone("")
	if from.Is6() {
		if p, err := from.Prefix(64); err == nil {
			from = p.Addr()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	lim := l.sources[from]
	if lim == nil {
		if len(l.sources) >= maxSources {
			l.forgetIdle(now)
		}
		lim = rate.NewLimiter(sourceRate, sourceBurst)
		l.sources[from] = lim
	}
	return lim
}

// forgetIdle drops the sources whose bucket is full again, and all of them when none is.
func (l *limits) forgetIdle(now time.Time) {
	for a, lim := range l.sources {
		if lim.TokensAt(now) >= sourceBurst {
			delete(l.sources, a)
		}
	}
	if len(l.sources) >= maxSources {
		clear(l.sources) // the limit of all sources still holds
	}
}
