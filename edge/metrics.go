package edge

import (
	"net"

	"github.com/oneping/oneping/internal/process"
)

// listenMetrics takes the address at which Prometheus is answered; nil where none is configured.
func (e *Edge) listenMetrics() (net.Listener, error) {
	if e.cfg.Metrics == "" {
		return nil, nil
	}
	ln, err := net.Listen("tcp", e.cfg.Metrics)
	if err != nil {
		return nil, process.ListenError("tcp", e.cfg.Metrics, "metrics", err)
	}
	return ln, nil
}
