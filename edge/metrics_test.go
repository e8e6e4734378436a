package edge

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/oneping/oneping/internal/advice"
)

// TestMetrics asks as Prometheus does, and wants an address in use refused by name.
func TestMetrics(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	taken := &Edge{cfg: Config{Metrics: addr}}
	_, port, _ := net.SplitHostPort(addr)
	_, err = taken.listenMetrics()
	if want := "another process has that port (sudo ss -lntp 'sport = :" + port + "' names it): stop that one, or choose another port with metrics"; err == nil ||
		err.Error() != "listen on "+addr+" (tcp): address already in use" || advice.Of(err) != want {
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
