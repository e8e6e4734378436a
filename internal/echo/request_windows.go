package echo

import (
	"net/netip"
	"time"
)

// Request is one echo request.
type Request struct {
	Dst      netip.Addr
	Source   netip.Addr // zero: the system chooses
	TTL, TOS uint8
	DF       bool   // IPv4 alone
	Data     []byte // payload; not changed until Finish
	Timeout  time.Duration

	handle any // of the API
}
