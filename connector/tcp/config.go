package tcp

import (
	"net/netip"
	"time"

	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/proto/packet"
)

const (
	// MaxFlows bounds the flows that are open or being opened at once: as many as the edge may have on a
	// link, four times what it grants one device.
	MaxFlows = 16384
	// Patience is how long a connection is tried while nothing is heard; the
	// opener usually gives up earlier (130 s is what Linux itself takes for tcp_syn_retries=6).
	Patience = 130 * time.Second
)

// Config is what flows need of the connector. All functions are required, are
// called from several goroutines and must not block.
type Config struct {
	// Forward decides about a SYN of client for dst that arrived with ttl: the TTL with which it
	// goes on, or a verdict whose reason is not OK.
	Forward func(client, dst netip.Addr, ttl uint8) (uint8, packet.Verdict)
	// Reporter returns the address from which this host reports an error about dst to client, whose packet ended for why.
	// False: no address, or the client has had enough errors for now, which has been counted.
	Reporter func(client, dst netip.Addr, why packet.Reason) (netip.Addr, bool)
	// Own says whether an address is one of this host's.
	Own func(netip.Addr) bool
	// Answered is told of each answer about a destination: its own, or an error that from sent; from is zero where it is this
	// host's kernel.
	Answered func(dst, from netip.Addr)
	// LastTTL returns the TTL that was last seen of an address as it arrived here, 0 for none: an
	// unprivileged IPv4 socket does not see that of a SYN-ACK.
	LastTTL func(netip.Addr) uint8

	MaxFlows int          // 0 = MaxFlows
	Budget   *flow.Budget // of the flows' memory; nil = no bound
}
