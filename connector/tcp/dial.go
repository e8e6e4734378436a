package tcp

import (
	"context"
	"net"
	"net/netip"

	"github.com/oneping/oneping/proto/packet"
)

// Sockets makes the connections of flows on one platform, or in a simulation.
type Sockets interface {
	// Dial connects. An error means that ctx ended first, or that nothing came.
	Dial(ctx context.Context, t Target) (Outcome, error)
	// Run serves the sockets until ctx ends and frees everything; Dial must not be called after
	// that. Never nil.
	Run(ctx context.Context) error
}

// Target is where to connect, and with what in the SYN's IP header.
type Target struct {
	Dst      netip.AddrPort
	TTL, TOS uint8
}

// Outcome is how an attempt to connect ended: the first of its fields that is set says it, the last
// one where none is.
type Outcome struct {
	Conn    *net.TCPConn
	TTL     uint8          // of the SYN-ACK; 0 = unknown
	Refused bool           // by a reset
	Error   *packet.Error  // of the network; its TTL is the one with which it arrived, 0 = unknown
	Verdict packet.Verdict // of this host
}

// from says who ended the attempt to connect to dst; zero for this host.
func (o *Outcome) from(dst netip.Addr) netip.Addr {
	switch {
	case o.Conn != nil, o.Refused:
		return dst
	case o.Error != nil:
		return o.Error.Src
	}
	return netip.Addr{}
}
