//go:build linux

package e2e

import (
	"strings"
	"testing"
	"time"
)

// A connector answers Prometheus where it is told to, and says so where it cannot.
func TestMetrics(t *testing.T) {
	t.Parallel()
	needs(t, "curl", "ping")
	l := newLab(t)
	l.connectorWith("--metrics", "127.0.0.1:9174")
	l.linked(10 * time.Second)
	out := l.run("connector", "curl", "-sS", "http://127.0.0.1:9174/metrics")
	for _, want := range []string{
		"\noneping_unanswered_neighbours{role=\"connector\"} 0\n", "\noneping_link_up{role=\"connector\"} 1\n", "\noneping_icmp_mappings{role=\"connector\"} ", "\noneping_tcp_flows{role=\"connector\"} 0\n",
		"\noneping_packets_total{reason=\"ttl_expired\",role=\"connector\"} 0\n", "\noneping_build_info{role=\"connector\",version=",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no line %q in\n%s", want, out)
		}
	}
	r := l.exec("connector", "oneping", "connector", "run", "--state-dir", l.dir+"/other", "--token-file", l.secret("t", l.run("edge", "oneping", "tunnel", "token", "lab")),
		"--metrics", "127.0.0.1:9174")
	if r.code != 1 || !strings.Contains(r.stderr, "listen on 127.0.0.1:9174 (tcp): address already in use\nhint: another process has that port (sudo ss -lntp ") {
		t.Errorf("a second one: %+v", r)
	}
}
