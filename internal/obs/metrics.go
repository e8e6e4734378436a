package obs

import (
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/oneping/oneping/proto/packet"
)

// NewRegistry returns the registry of one role process, with the numbers of the
// Go runtime and of the process, and oneping_build_info{role,version}.
func NewRegistry(role, version string) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "oneping_build_info",
		Help:        "Always 1; the labels say what is running.",
		ConstLabels: prometheus.Labels{"role": role, "version": version},
	})
	build.Set(1)
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), build)
	return reg
}

// Packets collects packet.Counters as oneping_packets_total{role,reason}. All
// reasons are always present, so that a rate starts at its first event.
type Packets struct {
	desc    *prometheus.Desc
	sources []*packet.Counters
}

// NewPackets returns a collector of the sum of the given counters.
func NewPackets(role string, sources ...*packet.Counters) *Packets {
	return &Packets{
		desc: prometheus.NewDesc("oneping_packets_total",
			"Packets, sessions and flows by where they ended; ok went on.",
			[]string{"reason"}, prometheus.Labels{"role": role}),
		sources: sources,
	}
}

// Describe implements prometheus.Collector.
func (p *Packets) Describe(ch chan<- *prometheus.Desc) { ch <- p.desc }

// Collect implements prometheus.Collector.
func (p *Packets) Collect(ch chan<- prometheus.Metric) {
	for r := range packet.NumReasons {
		var n uint64
		for _, c := range p.sources {
			n += c.Get(r)
		}
		label := strings.ReplaceAll(r.String(), " ", "_")
		ch <- prometheus.MustNewConstMetric(p.desc, prometheus.CounterValue, float64(n), label)
	}
}

// Handler serves reg in the Prometheus text format: /metrics on the local socket.
func Handler(reg *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{})
}
