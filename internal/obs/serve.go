package obs

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// NewGauge returns a collector of oneping_NAME{role}: what f returns when it is asked. f is called
// from several goroutines.
func NewGauge(role, name, help string, f func() int) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "oneping_" + name, Help: help, ConstLabels: prometheus.Labels{"role": role},
	}, func() float64 { return float64(f()) })
}

// metricsWait bounds how long one scrape may take, and what a slow reader may hold.
const metricsWait = 10 * time.Second

// ServeMetrics answers GET /metrics on ln with what reg has, until ctx ends; then ln is closed.
// Never nil.
func ServeMetrics(ctx context.Context, ln net.Listener, reg *prometheus.Registry) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", Handler(reg))
	s := &http.Server{Handler: mux, ReadHeaderTimeout: metricsWait, ReadTimeout: metricsWait, WriteTimeout: metricsWait, IdleTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() }) // nobody waits for a scrape
	defer stop()
	err := s.Serve(ln)
	if errors.Is(err, http.ErrServerClosed) {
		return context.Cause(ctx)
	}
	return err
}
