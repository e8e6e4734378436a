package state

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/advice"
)

// externalNATS runs a NATS server with JetStream on loopback until the test ends.
func externalNATS(t *testing.T) string {
	t.Helper()
	srv, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() {
		srv.Shutdown()
		srv.WaitForShutdown()
	})
	if !srv.ReadyForConnections(20 * time.Second) {
		t.Fatal("the NATS server is not ready")
	}
	return srv.ClientURL()
}

// Two edges on one external store: what must be unique is unique on both.
func TestTwoEdgesShareAStore(t *testing.T) {
	url := externalNATS(t)
	a, _ := open(t, Config{Dir: t.TempDir(), URL: url})
	b, _ := open(t, Config{Dir: t.TempDir(), URL: url})
	var wg sync.WaitGroup
	for i := range 8 {
		for name, s := range map[string]*Store{"a": a, "b": b} {
			wg.Go(func() {
				d := model.Device{ID: fmt.Sprint(name, i), User: "alice", KeyHash: []byte{byte(i)}}
				if _, err := s.AllocateDevice(t.Context(), d); err != nil {
					t.Error(err)
				}
			})
		}
	}
	created := make(chan string, 2)
	for _, s := range []*Store{a, b} {
		wg.Go(func() {
			if tun, err := s.CreateTunnel(t.Context(), "office"); err == nil {
				created <- tun.ID
			}
		})
	}
	wg.Wait()
	if len(created) != 1 {
		t.Errorf("%d tunnels of one name", len(created))
	}
	last := max(a.Snapshot().Revision, b.Snapshot().Revision)
	for _, s := range []*Store{a, b} {
		sn, err := s.await(t.Context(), last)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[netip.Addr]bool{}
		for _, d := range sn.Devices {
			seen[d.Addr4], seen[d.Addr6] = true, true
		}
		if len(sn.Devices) != 16 || len(seen) != 32 || len(sn.Tunnels) != 1 {
			t.Errorf("%d devices with %d addresses, %d tunnels", len(sn.Devices), len(seen), len(sn.Tunnels))
		}
	}
}

func TestExternalStoreThatIsNotThere(t *testing.T) {
	err := New(Config{Dir: t.TempDir(), URL: "nats://127.0.0.1:1"}).Run(t.Context())
	if err == nil || advice.Of(err) != "check store.url and that NATS with JetStream runs there" {
		t.Errorf("got %v, hint %q", err, advice.Of(err))
	}
}
