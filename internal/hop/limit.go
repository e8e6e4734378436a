package hop

import (
	"net/netip"
	"time"

	"golang.org/x/time/rate"

	"github.com/oneping/oneping/internal/bucket"
	"github.com/oneping/oneping/proto/packet"
)

// ErrorRate is how many ICMP errors a hop makes for one client (RFC 1812 §4.3.2.8,
// RFC 4443 §2.4 f). The burst covers several traceroutes with 16 probes in flight and
// `mtr -i 0.1`.
type ErrorRate struct {
	PerSecond rate.Limit
	Burst     int
}

// reserve is the part of a burst that errors about want of room leave to the others: there
// is one of them for each packet of a sweep, which must hide no hop from a traceroute.
func (r ErrorRate) reserve() float64 { return float64(r.Burst / 2) }

// wantOfRoom says whether why is that something was full.
func wantOfRoom(why packet.Reason) bool {
	return why == packet.Unanswered || why == packet.TableFull || why == packet.NoBuffers
}

// ErrorLimit bounds the ICMP errors made for one client. Safe for concurrent use.
type ErrorLimit struct {
	rate   ErrorRate
	tokens *rate.Limiter
}

// NewErrorLimit returns a full limit.
func NewErrorLimit(r ErrorRate) *ErrorLimit {
	return &ErrorLimit{rate: r, tokens: rate.NewLimiter(r.PerSecond, r.Burst)}
}

// Allow says whether the client may now be sent another error about a packet that ended
// for why, and takes it from the limit. Ask last: what is not said costs nothing.
func (l *ErrorLimit) Allow(why packet.Reason, now time.Time) bool {
	if wantOfRoom(why) && l.tokens.TokensAt(now) < l.rate.reserve()+1 {
		return false
	}
	return l.tokens.AllowN(now, 1)
}

// ErrorLimits bounds the ICMP errors made for each of many clients. Those that find no
// place among most share one limit. Safe for concurrent use.
type ErrorLimits struct {
	rate    ErrorRate
	clients *bucket.Table[netip.Addr]
}

// NewErrorLimits returns a full limit for everybody, and remembers at most most clients.
func NewErrorLimits(r ErrorRate, most int) *ErrorLimits {
	return &ErrorLimits{rate: r, clients: bucket.New[netip.Addr](r.PerSecond, r.Burst, most)}
}

// Allow is ErrorLimit.Allow for client.
func (l *ErrorLimits) Allow(client netip.Addr, why packet.Reason, now time.Time) bool {
	if wantOfRoom(why) && l.clients.Tokens(client, now) < l.rate.reserve()+1 {
		return false
	}
	return l.clients.Take(client, now)
}
