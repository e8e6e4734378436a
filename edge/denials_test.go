package edge

import (
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/proto"
)

// TestTheLogNamesPeople: who is connected, and what was denied to whom.
func TestTheLogNamesPeople(t *testing.T) {
	core, lines := observer.New(zapcore.InfoLevel)
	dir := t.TempDir()
	e := startEdge(t, Config{StateDir: dir, Log: zap.New(core)})
	api := admin.NewClient(filepath.Join(dir, local.SocketName))
	if _, err := api.CreateTunnel(t.Context(), "home", 0); err != nil {
		t.Fatal(err)
	}
	tok, err := api.TunnelToken(t.Context(), "home")
	if err != nil {
		t.Fatal(err)
	}
	connect(t, enrol(t, proto.RoleConnector, tok.Token))
	if tok, err = api.DeviceToken(t.Context(), "alice", 0); err != nil {
		t.Fatal(err)
	}
	connect(t, enrol(t, proto.RoleClient, tok.Token))
	want := func(message, field, value string) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-time.After(time.Millisecond) {
			for _, l := range lines.FilterMessage(message).All() {
				if l.ContextMap()[field] == value {
					return
				}
			}
		}
		t.Fatalf("no line %q with %s %q in %+v", message, field, value, lines.All())
	}
	want("node connected", "tunnel", "home")
	want("node connected", "user", "alice")
	p := policy.Principal{Device: "d1", User: "alice"}
	id, _ := e.denials.Deny(new(policy.Compiled), p, policy.Target{Dst: netip.MustParseAddr("10.0.0.1"), Proto: policy.TCP, Port: 22})
	want("denied", "decision", id.String())
	line := lines.FilterMessage("denied").All()[0].ContextMap()
	if line["user"] != "alice" || line["device"] != "d1" || line["destination"] != "10.0.0.1" || line["service"] != "tcp:22" || line["count"] != uint64(1) {
		t.Errorf("line %+v", line)
	}
	list, err := api.Denials(t.Context(), "alice", time.Time{})
	if err != nil || len(list) != 1 || list[0].ID != id || list[0].Count != 1 {
		t.Errorf("denials %+v, %v", list, err)
	}
	if _, err := api.Denials(t.Context(), "alise", time.Time{}); err == nil || err.Error() != `no user "alise": no device, token or policy names one` {
		t.Errorf("of nobody: %v", err)
	}
}
