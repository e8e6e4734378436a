package icmp

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/oneping/oneping/internal/sock"
	"github.com/oneping/oneping/proto/packet"
)

// Mode chooses a transport.
type Mode string

// The modes of `--icmp`. Auto takes the first that this host allows, in the
// order ping, raw.
const (
	Auto Mode = "auto"
	Ping Mode = "ping"
	Raw  Mode = "raw"
)

// Bounds, after RFC 5508.
const (
	MaxMappings  = 4096
	MaxPerClient = 256
	// Lifetime is how long a mapping without requests lives, and how long a request may be answered (RFC 5508 REQ-2: not under 60 s).
	Lifetime = 60 * time.Second
)

// Config is what the NAT needs of the connector. All functions are required,
// are called from several goroutines and must not block.
type Config struct {
	Mode Mode // Auto when empty
	// Own says whether an address is one of this host's.
	Own func(netip.Addr) bool
	// Answered is told of each answer about a destination: its own, or an error that from sent.
	Answered func(dst, from netip.Addr)
	// Deliver takes a packet datagram (proto.AppendPacket) for the edge; d is valid until it returns.
	Deliver func(d []byte) packet.Reason
	// Seen is told the TTL of a reply as it arrived here.
	Seen func(from netip.Addr, ttl uint8)
	// Count counts what ends on the way back.
	Count func(packet.Reason)

	// Wire is used instead of this host's sockets: simulation.
	Wire sock.Wire

	MaxMappings, MaxPerClient int // 0 = the bounds above
}

// ParseMode reads the value of `--icmp`.
func ParseMode(s string) (Mode, error) {
	switch m := Mode(s); m {
	case Auto, Ping, Raw:
		return m, nil
	}
	return "", fmt.Errorf("ICMP mode %q is none of auto, ping, raw", s)
}
