package udp

import (
	"net/netip"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/sock"
	"github.com/oneping/oneping/proto/packet"
)

// Bounds.
const (
	MaxSessions  = 8192
	MaxPerClient = 4096
)

// Config is what the sessions need of the connector. All functions are
// required, are called from several goroutines and must not block.
type Config struct {
	// Forward decides about a packet of client for dst that arrived with ttl: the TTL with which it
	// goes on, or a verdict whose reason is not OK.
	Forward func(client, dst netip.Addr, ttl uint8) (uint8, packet.Verdict)
	// Reporter returns the address from which this host reports an error about dst to client, whose packet ended for why.
	// False: no address, or the client has had enough errors for now, which has been counted.
	Reporter func(client, dst netip.Addr, why packet.Reason) (netip.Addr, bool)
	// Own says whether an address is one of this host's.
	Own func(netip.Addr) bool
	// Seen is told the TTL of a packet as it arrived here.
	Seen func(from netip.Addr, ttl uint8)
	// Answered is told of each answer about a destination: its own, or an error that from sent.
	Answered func(dst, from netip.Addr)
	// Deliver takes a datagram for the edge, and its class; d is valid until it returns.
	Deliver func(c link.Class, d []byte) packet.Reason
	// Count counts what ends on the way back.
	Count func(packet.Reason)

	// Wire is used instead of this host's sockets: simulation.
	Wire sock.Wire

	MaxSessions, MaxPerClient int // 0 = the bounds above
}
