package edge

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/conf"
)

// TestMetrics asks as Prometheus does, and wants an address in use refused by name.
func TestMetrics(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	taken := &Edge{cfg: Config{Metrics: addr}}
	var wrong *conf.FieldError
	if _, err := taken.listenMetrics(); !errors.As(err, &wrong) || wrong.Field != "metrics" || advice.Of(err) == "" {
		t.Errorf("an address in use: %v", err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	startEdge(t, Config{StateDir: t.TempDir(), Version: "test", Metrics: addr})
	resp, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	for _, want := range []string{`oneping_build_info{role="edge",version="test"} 1`, `oneping_packets_total{reason="ok",role="edge"} 0`, `oneping_udp_sessions{role="edge"} 0`} {
		if err != nil || !strings.Contains(string(body), want+"\n") {
			t.Errorf("no line %s: %v", want, err)
		}
	}
}
