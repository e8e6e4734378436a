package udp

import "github.com/oneping/oneping/connector/host"

// Bounds.
const (
	MaxSessions  = 8192
	MaxPerClient = 4096
)

// Config is what the sessions need of the connector.
type Config struct {
	Host *host.Host
	Back host.Back

	MaxSessions, MaxPerClient int // 0 = the bounds above
}
