package icmp

import (
	"fmt"
	"time"

	"github.com/oneping/oneping/connector/host"
)

// Mode chooses a transport: see NewTransport.
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
	// Lifetime is how long a mapping without requests lives, and how long a request may be answered
	// (RFC 5508 REQ-2: not under 60 s).
	Lifetime = 60 * time.Second
)

// Config is what the NAT needs of the connector.
type Config struct {
	Host *host.Host
	Back host.Back

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
