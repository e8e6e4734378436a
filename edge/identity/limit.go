package identity

import (
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/oneping/oneping/internal/bucket"
)

const (
	// Enrolments per source address (a /64 for IPv6) and second, and at once.
	sourceRate, sourceBurst = 2, 20
	// Enrolments of all sources per second, and at once.
	totalRate, totalBurst = 100, 400
	// maxSources bounds the tables of sources.
	maxSources = 16_384
	// maxEnrols and minEnrols bound the enrolments under way, between them one for each enrolShare
	// bytes that the process may hold: an enrolment may make quic-go keep 2.4 MB of frames and
	// 4,096 streams, some 9 MB together.
	maxEnrols, minEnrols = 64, 4
	enrolShare           = 32 << 20
)

// limits bounds how fast enrolments are looked at: each costs a signature and
// perhaps a write with fsync.
type limits struct {
	total    *rate.Limiter
	sources  *bucket.Table[netip.Addr]
	underWay atomic.Int32
	most     int32 // under way
}

// newLimits returns the limits of a process that may hold memory bytes; 0 = nobody says.
func newLimits(memory uint64) *limits {
	return &limits{
		total:   rate.NewLimiter(totalRate, totalBurst),
		sources: bucket.New[netip.Addr](sourceRate, sourceBurst, maxSources),
		most:    int32(places(memory, enrolShare, minEnrols, maxEnrols)),
	}
}

// places returns how many there may be at a time: one for each share bytes of memory, within bounds.
func places(memory, share uint64, least, most int) int {
	if memory == 0 {
		return most
	}
	return int(min(max(memory/share, uint64(least)), uint64(most)))
}

// enter takes a place for one enrolment of from, which leave gives back; or why
// there is none. A source beyond its own rate takes no place from the others.
func (l *limits) enter(from netip.Addr, now time.Time) (leave func(), refusal string) {
	if !l.allow(from, now) {
		return nil, "too many enrolments from this address; try again in a minute"
	}
	if l.underWay.Add(1) > l.most {
		l.underWay.Add(-1)
		return nil, "too many enrolments at once; try again"
	}
	return func() { l.underWay.Add(-1) }, ""
}

// allow says whether one more request of from may be looked at now.
func (l *limits) allow(from netip.Addr, now time.Time) bool {
	return l.sources.Take(host(from), now) && l.total.AllowN(now, 1)
}

// host returns what one host has of addresses: an IPv4 address, the /64 of an IPv6 address.
func host(a netip.Addr) netip.Addr {
	if a = a.Unmap(); a.Is4() {
		return a
	}
	return bucket.Network(a).Addr()
}
