package tcp

import (
	"time"

	"github.com/oneping/oneping/connector/host"
	"github.com/oneping/oneping/internal/flow"
)

const (
	// MaxFlows bounds the flows that are open or being opened at once: as many as the edge may have
	// on a link, four times what it grants one device.
	MaxFlows = 16384
	// Patience is how long a connection is tried while nothing is heard; the
	// opener usually gives up earlier (130 s is what Linux itself takes for tcp_syn_retries=6).
	Patience = 130 * time.Second
)

// Config is what flows need of the connector.
type Config struct {
	Host *host.Host

	MaxFlows int          // 0 = MaxFlows
	Budget   *flow.Budget // of the flows' memory; nil = no bound
}
