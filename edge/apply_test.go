package edge

import (
	"fmt"
	"maps"
	"net/netip"
	"testing"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/relay"
)

// unstarted returns an edge with a relay and nothing that runs.
func unstarted(tb testing.TB) *Edge {
	tb.Helper()
	e, err := New(Config{StateDir: tb.TempDir()})
	if err != nil {
		tb.Fatal(err)
	}
	e.relay = relay.New(relay.Config{})
	return e
}

// fleet is the state of an edge with that many devices, each of a user of its own, and 1,000 routes.
func fleet(devices int) *model.Snapshot {
	sn := &model.Snapshot{
		Revision: 1, Tunnels: map[string]model.Tunnel{"t": {ID: "t", Name: "office"}},
		Devices: make(map[string]model.Device, devices), Tokens: map[string]model.Token{},
		Policy: model.Policy{Grants: []model.Grant{{ID: "all", Who: []string{"*"}, To: []string{"*"}, How: []string{"*"}}}},
	}
	for i := range devices {
		id := fmt.Sprintf("device%05d", i)
		sn.Devices[id] = model.Device{
			ID: id, User: "user" + id, Addr4: netip.AddrFrom4([4]byte{100, 96, byte(i >> 8), byte(i)}),
		}
	}
	for _, p := range prefixes(0, 1000) {
		sn.Routes = append(sn.Routes, model.Route{Prefix: p, Tunnel: "t"})
	}
	return sn
}

// next returns a snapshot as the store makes it when one device has changed.
func next(sn *model.Snapshot) *model.Snapshot {
	out := *sn
	out.Revision++
	out.Changed.Devices = out.Revision
	out.Devices = maps.Clone(sn.Devices)
	d := out.Devices["device00000"]
	d.Name = fmt.Sprint("laptop", out.Revision)
	out.Devices["device00000"] = d
	return &out
}

// TestAChangeCostsWhatChanged: a device that changes leaves policy and routes as they were compiled,
// and a token or sighting leaves everything.
func TestAChangeCostsWhatChanged(t *testing.T) {
	e := unstarted(t)
	sn := fleet(3)
	e.apply(sn)
	policy, was := e.policy.Load(), e.applied.relay
	if was.Policy != policy || was.FIB.Len() != 1000 || len(was.Devices) != 3 {
		t.Fatalf("%d routes and %d devices are applied", was.FIB.Len(), len(was.Devices))
	}
	tokens := *sn
	tokens.Revision, tokens.Tokens = 2, map[string]model.Token{"new": {ID: "new"}}
	if e.apply(&tokens); &e.applied.relay.Devices[0] != &was.Devices[0] || e.applied.relay.FIB != was.FIB || e.applied.revision != 2 {
		t.Error("a token was looked at as if it were a device")
	}
	e.apply(next(&tokens))
	if is := e.applied.relay; e.policy.Load() != policy || is.Policy != policy || is.FIB != was.FIB || &is.Devices[0] == &was.Devices[0] {
		t.Error("a device's change compiled policy or routes anew, or did not reach the relay")
	}
	other := *next(&tokens)
	other.Revision, other.Changed.Policy, other.Policy = 4, 4, model.Policy{}
	if e.apply(&other); e.policy.Load() == policy || e.applied.relay.Policy != e.policy.Load() {
		t.Error("another policy did not take effect")
	}
	e.apply(sn) // older
	if e.applied.revision != 4 {
		t.Error("an older snapshot was applied")
	}
}

// BenchmarkApply is what a change of one thing costs an edge with 10,000 devices.
func BenchmarkApply(b *testing.B) {
	b.Run("token", func(b *testing.B) {
		e, sn := unstarted(b), fleet(10_000)
		e.apply(sn)
		b.ResetTimer()
		for range b.N {
			again := *sn
			again.Revision++
			sn = &again
			e.apply(sn)
		}
	})
	b.Run("device", func(b *testing.B) {
		e, sn := unstarted(b), fleet(10_000)
		e.apply(sn)
		for range b.N {
			b.StopTimer()
			sn = next(sn)
			b.StartTimer()
			e.apply(sn)
		}
	})
}
