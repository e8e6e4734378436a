package edge

import "net"

// listenMetrics takes the address at which Prometheus is answered; nil where none is configured.
func (e *Edge) listenMetrics() (net.Listener, error) {
	if e.cfg.Metrics == "" {
		return nil, nil
	}
	ln, err := net.Listen("tcp", e.cfg.Metrics)
	if err != nil {
		return nil, badField("metrics", err.Error(), "name a free HOST:PORT of this host, such as 127.0.0.1:9174")
	}
	return ln, nil
}
