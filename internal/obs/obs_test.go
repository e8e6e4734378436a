package obs

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/oneping/oneping/proto/packet"
)

func TestPacketsByReason(t *testing.T) {
	var a, b packet.Counters
	a.Count(packet.OK)
	a.Count(packet.NoRoute)
	b.Count(packet.NoRoute)
	reg := NewRegistry("edge", "1.2.3")
	reg.MustRegister(NewPackets("edge", &a, &b))
	rec := httptest.NewRecorder()
	Handler(reg).ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	body, err := io.ReadAll(rec.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`oneping_packets_total{reason="ok",role="edge"} 1`,
		`oneping_packets_total{reason="no_route",role="edge"} 2`,
		`oneping_packets_total{reason="queue_full",role="edge"} 0`,
		`oneping_build_info{role="edge",version="1.2.3"} 1`,
	} {
		if !strings.Contains(string(body), want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
	if n := strings.Count(string(body), "\noneping_packets_total{"); n != int(packet.NumReasons) {
		t.Errorf("%d reasons, want %d", n, packet.NumReasons)
	}
}

func TestLogLevels(t *testing.T) {
	log, err := NewLogger("warn")
	if err != nil || log.Level() != zapcore.WarnLevel {
		t.Errorf("level %v, %v", log.Level(), err)
	}
	if log, err := NewLogger(""); err != nil || log.Level() != zapcore.InfoLevel {
		t.Errorf("default level %v, %v", log.Level(), err)
	}
	if _, err := NewLogger("loud"); err == nil || err.Error() != `parse log level "loud": want debug, info, warn or error` {
		t.Errorf("got %v", err)
	}
}

func TestEncodings(t *testing.T) {
	entry := zapcore.Entry{Level: zapcore.InfoLevel, Time: time.Date(2026, 11, 22, 12, 30, 0, 0, time.UTC), Message: "edge ready"}
	fields := []zapcore.Field{{Key: FieldListen, Type: zapcore.StringType, String: "x"}}
	for terminal, want := range map[bool]string{
		false: `{"level":"info","time":"2026-11-22T12:30:00Z","msg":"edge ready","listen":"x"}` + "\n",
		true:  "12:30:00.000 \x1b[34mINFO\x1b[0m edge ready {\"listen\": \"x\"}\n",
	} {
		b, err := encoder(terminal).EncodeEntry(entry, fields)
		if err != nil || b.String() != want {
			t.Errorf("terminal %v: %q, %v; want %q", terminal, b, err, want)
		}
	}
}
