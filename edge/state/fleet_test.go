package state

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/advice"
)

// Two edges on one external store: what must be unique is unique on both.
func TestTwoEdgesShareAStore(t *testing.T) {
	url := runNATS(t, nil).ClientURL()
	a, _ := open(t, Config{Dir: t.TempDir(), Remote: Remote{URL: url}})
	b, _ := open(t, Config{Dir: t.TempDir(), Remote: Remote{URL: url}})
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
		if err := s.await(t.Context(), last); err != nil {
			t.Fatal(err)
		}
		sn := s.Snapshot()
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
	err := New(Config{Dir: t.TempDir(), Remote: Remote{URL: "nats://127.0.0.1:1"}}).Run(t.Context())
	if err == nil || advice.Of(err) != "check store.url and that NATS with JetStream runs there" {
		t.Errorf("got %v, hint %q", err, advice.Of(err))
	}
}
