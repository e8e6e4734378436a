package edge

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/conf"
	"github.com/oneping/oneping/internal/local"
)

// startEdge runs an edge on loopback until the test ends.
func startEdge(t *testing.T, cfg Config) *Edge {
	t.Helper()
	cfg.Listen = "127.0.0.1:0"
	if cfg.Log == nil {
		cfg.Log = zaptest.NewLogger(t)
	}
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("Run returned %v, want context canceled", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("Run does not end")
		}
	})
	select {
	case <-e.Ready():
	case err := <-done:
		t.Fatalf("Run ended: %v", err)
	case <-time.After(20 * time.Second):
		t.Fatal("the edge is not ready after 20 s")
	}
	return e
}

func TestStatus(t *testing.T) {
	dir := t.TempDir()
	e := startEdge(t, Config{StateDir: dir, Version: "test"})
	var s Status
	if err := local.Get(t.Context(), filepath.Join(dir, local.SocketName), "edge", "/v1/status", &s); err != nil {
		t.Fatal(err)
	}
	if s.Version != "test" || s.Edge == "" || s.Listen != e.listener.Addr() || len(s.Hops) != 2 || s.Hops[0].String() != "192.0.0.8" {
		t.Errorf("status %+v", s)
	}
}

// TestHopAddressIsNobodyElses: what a hop address becomes is no device's, before or after.
func TestHopAddressIsNobodyElses(t *testing.T) {
	dir := t.TempDir()
	hop := netip.MustParseAddr("100.96.0.1")
	device := model.Device{ID: "first", User: "alice", KeyHash: []byte{1}}
	t.Run("hop first", func(t *testing.T) {
		e := startEdge(t, Config{StateDir: t.TempDir(), Hops: []netip.Addr{hop}})
		if d, err := e.store.AllocateDevice(t.Context(), device); err != nil || d.Addr4 == hop {
			t.Errorf("the device got %v, %v", d.Addr4, err)
		}
	})
	t.Run("device first", func(t *testing.T) {
		e := startEdge(t, Config{StateDir: dir})
		if d, err := e.store.AllocateDevice(t.Context(), device); err != nil || d.Addr4 != hop {
			t.Errorf("the device got %v, %v", d.Addr4, err)
		}
	})
	e, err := New(Config{StateDir: dir, Listen: "127.0.0.1:0", Hops: []netip.Addr{hop}})
	if err != nil {
		t.Fatal(err)
	}
	var taken *conf.FieldError
	if err := e.Run(t.Context()); !errors.As(err, &taken) || taken.Field != "hops" {
		t.Errorf("Run returned %v", err)
	}
}

// TestEachFamilyHasAHop, whichever is configured: without one, denials in that family were silence.
func TestEachFamilyHasAHop(t *testing.T) {
	v4, v6, own := netip.MustParseAddr("172.16.0.1"), netip.MustParseAddr("fd99::1"), netip.MustParseAddr("fd00::fffe")
	for _, tt := range []struct{ configured, want []netip.Addr }{
		{nil, []netip.Addr{defaultHop4, own}},
		{[]netip.Addr{v4}, []netip.Addr{v4, own}},
		{[]netip.Addr{v6}, []netip.Addr{defaultHop4, v6}},
		{[]netip.Addr{v4, v6}, []netip.Addr{v4, v6}},
		{[]netip.Addr{v6, v4}, []netip.Addr{v4, v6}},
	} {
		e := &Edge{cfg: Config{Hops: tt.configured}}
		if got := e.hopsWith(func() netip.Addr { return own }); !slices.Equal(got, tt.want) {
			t.Errorf("configured %v: %v, want %v", tt.configured, got, tt.want)
		}
	}
	e := startEdge(t, Config{StateDir: t.TempDir(), Hops: []netip.Addr{v4}})
	plan, err := e.store.EnsurePlan(t.Context())
	if hops := e.Status().Hops; err != nil || len(hops) != 2 || hops[0] != v4 || !plan.Prefix6.Contains(hops[1]) {
		t.Errorf("%v of an edge with %v, %v", hops, plan, err)
	}
}
