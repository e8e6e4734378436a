package hop

import "time"

// Idle times of a UDP session, after RFC 4787 REQ-5: 5 min is recommended, less than 2 min
// forbidden but for well-known ports (5 a): DNSIdle after a DNS exchange, which is port 53, one
// request, one reply.
const (
	DefaultIdle = 5 * time.Minute
	MinIdle     = 2 * time.Minute
	DNSIdle     = 30 * time.Second
)

// SessionIdle returns after how long without a packet a UDP session ends for which its client
// asks for asked seconds, 0 = what the edge says. limit is what the edge says
// (proto.Config.IdleSeconds), 0 = DefaultIdle, never below MinIdle. A client may ask for less
// than that, down to MinIdle; for more it asks in vain.
func SessionIdle(asked, limit uint16) time.Duration {
	most := DefaultIdle
	if limit != 0 {
		most = max(time.Duration(limit)*time.Second, MinIdle)
	}
	if asked == 0 {
		return most
	}
	return min(max(time.Duration(asked)*time.Second, MinIdle), most)
}
