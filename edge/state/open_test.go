package state

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
)

// settings returns how the store's streams are set up.
func settings(t *testing.T, js jetstream.JetStream) map[string]jetstream.StreamConfig {
	t.Helper()
	out := map[string]jetstream.StreamConfig{}
	for _, name := range []string{"KV_oneping", "KV_oneping-seen", "oneping-audit"} {
		st, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatalf("stream %s: %v", name, err)
		}
		out[name] = st.CachedInfo().Config
	}
	return out
}

// operate sets the store up as an operator may: nothing is as an edge would make it.
func operate(t *testing.T, js jetstream.JetStream, replicas int) {
	t.Helper()
	ctx := t.Context()
	for _, cfg := range []jetstream.KeyValueConfig{
		{Bucket: "oneping", Description: "ours", History: 5, MaxBytes: 8 << 20, Replicas: replicas, Storage: jetstream.FileStorage, Compression: true},
		{Bucket: "oneping-seen", Description: "ours, too", History: 2, MaxBytes: 1 << 20, Replicas: replicas, Storage: jetstream.FileStorage},
	} {
		await(t, "bucket "+cfg.Bucket, func() error { _, err := js.CreateKeyValue(ctx, cfg); return err })
	}
	await(t, "audit stream", func() error {
		_, err := js.CreateStream(ctx, jetstream.StreamConfig{
			Name: "oneping-audit", Description: "ours as well", Subjects: []string{"oneping.audit"}, MaxAge: 24 * time.Hour, MaxBytes: 2 << 20, Replicas: replicas,
		})
		return err
	})
}

// await repeats what a cluster that is forming does not take yet.
func await(t *testing.T, what string, f func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// A start opens what is there, and does not make it what it would have made itself.
func TestStartLeavesTheStoreAsItIs(t *testing.T) {
	for name, c := range map[string]struct {
		run      func(*testing.T) *server.Server
		replicas int
	}{
		"one server":    {func(t *testing.T) *server.Server { return runNATS(t, nil) }, 1},
		"three servers": {runCluster, 3},
	} {
		t.Run(name, func(t *testing.T) {
			srv := c.run(t)
			js := jetStreamOf(t, srv)
			operate(t, js, c.replicas)
			before := settings(t, js)
			s, stop := open(t, Config{Dir: t.TempDir(), Remote: Remote{URL: srv.ClientURL()}})
			if _, err := s.CreateTunnel(t.Context(), "office"); err != nil {
				t.Error(err)
			}
			if err := s.Audit(t.Context(), AuditEvent{Action: "tunnel create"}); err != nil {
				t.Error(err)
			}
			stop()
			if diff := cmp.Diff(before, settings(t, js)); diff != "" {
				t.Errorf("a start reshaped the store:\n%s", diff)
			}
		})
	}
}

// TestStartMakesWhatIsMissing, and only that, also where two edges start at once.
func TestStartMakesWhatIsMissing(t *testing.T) {
	srv := runNATS(t, nil)
	remote := Remote{URL: srv.ClientURL()}
	stores := make([]*Store, 4)
	for i := range stores {
		stores[i] = New(Config{Dir: t.TempDir(), Remote: remote})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- stores[i].Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("store %d ended with %v", i, err)
			}
		})
	}
	for i, s := range stores {
		select {
		case <-s.Ready():
		case <-time.After(20 * time.Second):
			t.Fatalf("store %d is not ready", i)
		}
	}
	got := settings(t, jetStreamOf(t, srv))
	if c := got["KV_oneping"]; c.MaxMsgsPerSubject != 1 || c.Storage != jetstream.FileStorage || c.Description != "oneping: desired state" {
		t.Errorf("the bucket was made as %+v", c)
	}
	if c := got["oneping-audit"]; c.MaxAge != 365*24*time.Hour || c.MaxBytes != 1<<30 {
		t.Errorf("the audit log was made as %+v", c)
	}
}
