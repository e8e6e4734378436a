package obs

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
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
// What goes wrong on the way is a warning of log. Never nil.
func ServeMetrics(ctx context.Context, ln net.Listener, reg *prometheus.Registry, log *zap.Logger) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", Handler(reg))
	s := &http.Server{Handler: mux, ReadHeaderTimeout: metricsWait, ReadTimeout: metricsWait, WriteTimeout: metricsWait, IdleTimeout: time.Minute, ErrorLog: HTTPErrors(log)}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() }) // nobody waits for a scrape
	defer stop()
	err := s.Serve(ln)
	if errors.Is(err, http.ErrServerClosed) {
		return context.Cause(ctx)
	}
	return err
}

// TakeStd makes what libraries say on their own (package log, to standard error) warnings of to,
// until restore is called: a line of plain text between others is none that a machine reads.
func TakeStd(to *zap.Logger) (restore func()) {
	restore, err := zap.RedirectStdLogAt(to.Named("library"), zap.WarnLevel)
	if err != nil { // of an unknown level alone
		return func() {}
	}
	return restore
}

// HTTPErrors returns where an http.Server says what went wrong: warnings of log.
func HTTPErrors(to *zap.Logger) *log.Logger {
	std, err := zap.NewStdLogAt(to.Named("http"), zap.WarnLevel)
	if err != nil { // of an unknown level alone
		return nil
	}
	return std
}
