package state

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

// open runs a store on dir until the test ends or stop is called.
func open(t *testing.T, cfg Config) (s *Store, stop func()) {
	t.Helper()
	s = New(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	select {
	case <-s.Ready():
	case err := <-done:
		t.Fatalf("run store: %v", err)
	}
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("store ended with %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return s, stop
}

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// why returns why the store has refused, 0 where it has not.
func why(err error) Why {
	r, ok := errors.AsType[*Refusal](err)
	if !ok {
		return 0
	}
	return r.Why
}

// A list that is too long for a client is refused where it is made: with it nobody could connect.
func TestTheCaptureListIsBounded(t *testing.T) {
	s, _ := open(t, Config{Dir: t.TempDir(), Captured: proto.MaxCapture - 2})
	ctx := t.Context()
	if _, err := s.CreateTunnel(ctx, "lab"); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"10.1.0.0/16", "10.2.0.0/16"} {
		if _, err := s.AddRoute(ctx, prefix(p), "lab"); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.AddRoute(ctx, prefix("10.3.0.0/16"), "lab")
	if err == nil || err.Error() != "100001 prefixes are captured, a client takes 100000 at most" || why(err) != CaptureFull {
		t.Errorf("one too many: %v", err)
	}
	if err := s.AddCapture(ctx, prefix("10.3.0.0/16")); err == nil {
		t.Error("one too many was captured")
	}
	if sn := s.Snapshot(); len(sn.Routes) != 2 || len(sn.Capture) != 2 {
		t.Errorf("%d routes and %d captured prefixes are stored", len(sn.Routes), len(sn.Capture))
	}
	if err := s.AddCapture(ctx, prefix("10.2.0.0/16")); err != nil {
		t.Errorf("one that is there already: %v", err)
	}
}

func TestTunnelsAndRoutes(t *testing.T) {
	s, _ := open(t, Config{Dir: t.TempDir()})
	ctx := t.Context()
	tun, err := s.CreateTunnel(ctx, "lab")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Snapshot().Tunnels[tun.ID]; got != tun {
		t.Errorf("snapshot after create has %+v, want %+v", got, tun)
	}
	if _, err := s.CreateTunnel(ctx, "lab"); err == nil || err.Error() != "create tunnel lab: the name is taken" {
		t.Errorf("second tunnel of the name: %v", err)
	}
	if _, err := s.CreateTunnel(ctx, "No Name"); err == nil {
		t.Error("a name with a space was accepted")
	}
	want := prefix("172.16.10.0/24")
	if _, err := s.AddRoute(ctx, want, "lab"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddRoute(ctx, prefix("fd00:10::/64"), tun.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddRoute(ctx, want, "lab"); err == nil || err.Error() != "add route 172.16.10.0/24: it exists already, to tunnel lab" {
		t.Errorf("same prefix twice: %v", err)
	}
	_, err = s.AddRoute(ctx, prefix("172.16.10.5/24"), "lab")
	if advice.Of(err) != "did you mean 172.16.10.0/24, or the one address 172.16.10.5/32?" {
		t.Errorf("host bits: %v, hint %q", err, advice.Of(err))
	}
	err = s.DeleteTunnel(ctx, "lab")
	inTheWay := []netip.Prefix{want, prefix("fd00:10::/64")}
	if r, ok := errors.AsType[*Refusal](err); !ok || r.Why != HasRoutes || r.Object != "lab" || !slices.Equal(r.Routes, inTheWay) {
		t.Errorf("delete of a tunnel with routes: %v", err)
	}
	r, ok := s.Snapshot().Lookup(netip.MustParseAddr("172.16.10.120"))
	if !ok || r.Prefix != want || r.Tunnel != tun.ID {
		t.Errorf("lookup: %+v %v", r, ok)
	}
	if err := s.RemoveCapture(ctx, want); err == nil {
		t.Error("a routed prefix was released")
	}
	for _, p := range []netip.Prefix{want, prefix("fd00:10::/64")} {
		if err := s.DeleteRoute(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.DeleteRoute(ctx, want); !errors.Is(err, ErrNotFound) {
		t.Errorf("delete of no route: %v", err)
	}
	if diff := cmp.Diff([]string{"172.16.10.0/24", "fd00:10::/64"}, texts(s.Snapshot().Capture)); diff != "" {
		t.Errorf("capture after the routes are gone: %s", diff)
	}
	if err := s.RemoveCapture(ctx, want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"fd00:10::/64"}, texts(s.Snapshot().Capture)); diff != "" {
		t.Errorf("capture: %s", diff)
	}
	if err := s.DeleteTunnel(ctx, "lab"); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Snapshot().Tunnels); n != 0 {
		t.Errorf("%d tunnels left", n)
	}
}

func texts(ps []netip.Prefix) []string {
	var out []string
	for _, p := range ps {
		out = append(out, p.String())
	}
	return out
}

func TestDevicesGetUniqueAddressesConcurrently(t *testing.T) {
	s, stop := open(t, Config{Dir: t.TempDir(), Prefix6: prefix("fd12:3456:789a::/64")})
	const n = 16
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if _, err := s.AllocateDevice(t.Context(), model.Device{ID: fmt.Sprint("d", i), User: "alice", KeyHash: []byte{byte(i)}}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	seen := map[netip.Addr]bool{}
	for _, d := range s.Snapshot().Devices {
		if !s.Snapshot().Plan.Prefix4.Contains(d.Addr4) || !s.Snapshot().Plan.Prefix6.Contains(d.Addr6) {
			t.Errorf("%s: %v outside the plan", d.ID, d.Addrs())
		}
		seen[d.Addr4], seen[d.Addr6] = true, true
	}
	if len(seen) != 2*n {
		t.Errorf("%d distinct addresses for %d devices", len(seen), n)
	}
	before := s.Snapshot().Devices["d3"]
	if err := s.RevokeDevice(t.Context(), "d3"); err != nil {
		t.Fatal(err)
	}
	if !s.Snapshot().Devices["d3"].Revoked {
		t.Error("revoked device is not revoked in the next snapshot")
	}
	stop()
	if before.Revoked {
		t.Error("an old snapshot changed")
	}
}

// TestReservedAddressesGoToNobody: the edge's own addresses lie where a person would put them, at
// the beginning.
func TestReservedAddressesGoToNobody(t *testing.T) {
	s, _ := open(t, Config{Dir: t.TempDir(), Prefix6: prefix("fd12:3456:789a::/64"), Reserved: []netip.Addr{
		netip.MustParseAddr("100.96.0.1"), netip.MustParseAddr("fd12:3456:789a::1"),
	}})
	d, err := s.AllocateDevice(t.Context(), model.Device{ID: "d", User: "alice", KeyHash: []byte{1}})
	if err != nil || d.Addr4.String() != "100.96.0.2" || d.Addr6.String() != "fd12:3456:789a::2" {
		t.Errorf("got %v, %v", d.Addrs(), err)
	}
}

func TestSnapshotsAreImmutable(t *testing.T) {
	s, _ := open(t, Config{Dir: t.TempDir()})
	first := s.Snapshot()
	changed := s.Changed()
	if _, err := s.CreateTunnel(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	<-changed
	second := s.Snapshot()
	if _, err := s.CreateTunnel(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	if len(first.Tunnels) != 0 || len(second.Tunnels) != 1 || len(s.Snapshot().Tunnels) != 2 {
		t.Errorf("tunnels in three snapshots: %d %d %d", len(first.Tunnels), len(second.Tunnels), len(s.Snapshot().Tunnels))
	}
	if second.Revision >= s.Snapshot().Revision {
		t.Errorf("revisions %d, %d do not grow", second.Revision, s.Snapshot().Revision)
	}
}

func TestWatchSeesEveryLastState(t *testing.T) {
	s, _ := open(t, Config{Dir: t.TempDir()})
	enough := errors.New("enough")
	got := make(chan error, 1)
	go func() {
		got <- s.Watch(t.Context(), func(sn *model.Snapshot) error {
			if len(sn.Tunnels) == 3 {
				return enough
			}
			return nil
		})
	}()
	for _, name := range []string{"a", "b", "c"} {
		if _, err := s.CreateTunnel(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-got; !errors.Is(err, enough) {
		t.Errorf("watch ended with %v", err)
	}
}

func TestTokens(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	s, _ := open(t, Config{Dir: t.TempDir(), Now: clock, Elapsed: clock})
	ctx := t.Context()
	exp := now.Add(time.Hour)
	for _, tok := range []model.Token{
		{ID: "one", Kind: "device", Hash: []byte("h"), User: "alice", Expires: &exp},
		{ID: "two", Kind: "device", Hash: []byte("h"), User: "alice", Expires: &exp},
	} {
		if err := s.CreateToken(ctx, tok); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(id, hash, key, want string) {
		t.Helper()
		_, err := s.UseToken(ctx, id, []byte(hash), []byte(key))
		if !errors.Is(err, ErrToken) || err.Error() != want {
			t.Errorf("token %s: %v, want %q", id, err, want)
		}
	}
	refused("none", "h", "k", "this edge does not know the token")
	refused("one", "wrong", "k", "this edge does not know the token")
	first, err := s.UseToken(ctx, "one", []byte("h"), []byte("k"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.UseToken(ctx, "one", []byte("h"), []byte("k"))
	if err != nil || again.Device != first.Device || first.Device == "" {
		t.Errorf("the same key again: %+v, %v; want device %q", again, err, first.Device)
	}
	now = now.Add(10 * time.Minute)
	refused("one", "h", "other", "the token was used already, 10m ago; a device token works once")
	now = now.Add(2 * time.Hour)
	refused("two", "h", "k", "the token expired 1h ago")

	if n, err := s.ForgetTokens(ctx); n != 0 || err != nil {
		t.Errorf("forgot %d young tokens, %v", n, err)
	}
	now = now.Add(TokenMemory)
	if n, err := s.ForgetTokens(ctx); n != 2 || err != nil {
		t.Errorf("forgot %d old tokens, want 2; %v", n, err)
	}
	tun, err := s.CreateTunnel(ctx, "lab")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"old1", "old2", "new"} {
		if err := s.CreateToken(ctx, model.Token{ID: id, Kind: "tunnel", Hash: []byte("h"), Tunnel: tun.ID}); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if _, err := s.UseToken(ctx, "old1", []byte("h"), []byte("k")); err != nil {
			t.Fatalf("a tunnel token is reusable: %v", err)
		}
	}
	if n, err := s.RotateTunnelTokens(ctx, tun.ID, "new"); n != 2 || err != nil {
		t.Errorf("rotated %d, %v", n, err)
	}
	refused("old1", "h", "k", "the token was rotated: a newer one replaced it")
	if _, err := s.UseToken(ctx, "new", []byte("h"), []byte("k")); err != nil {
		t.Errorf("the kept token: %v", err)
	}
	if err := s.DeleteTunnel(ctx, "lab"); err != nil {
		t.Fatal(err)
	}
	refused("new", "h", "k", "this edge does not know the token")
}

// One token, many nodes at once: exactly one gets in.
func TestDeviceTokenIsSingleUse(t *testing.T) {
	s, _ := open(t, Config{Dir: t.TempDir()})
	if err := s.CreateToken(t.Context(), model.Token{ID: "one", Kind: "device", Hash: []byte("h")}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	in := make(chan byte, 8)
	for i := range byte(8) {
		wg.Go(func() {
			if _, err := s.UseToken(t.Context(), "one", []byte("h"), []byte{i}); err == nil {
				in <- i
			}
		})
	}
	wg.Wait()
	if len(in) != 1 {
		t.Errorf("%d nodes used a token that works once", len(in))
	}
}

func TestConnectorsAreForgotten(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	s, _ := open(t, Config{Dir: t.TempDir(), Now: clock, Elapsed: clock})
	ctx := t.Context()
	tun, err := s.CreateTunnel(ctx, "lab")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i := range byte(3) {
		r, _, err := s.PutConnector(ctx, model.Connector{Tunnel: tun.ID, KeyHash: []byte{i}})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.ID)
	}
	if r, _, err := s.PutConnector(ctx, model.Connector{Tunnel: tun.ID, KeyHash: []byte{1}}); err != nil || r.ID != ids[1] {
		t.Errorf("the same key again: %s, %v; want %s", r.ID, err, ids[1])
	}
	now = now.Add(23 * time.Hour)
	if err := s.Touch(ctx, ids[1]); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Hour)
	if n, err := s.ForgetConnectors(ctx, func(id string) bool { return id == ids[2] }); n != 1 || err != nil {
		t.Errorf("forgot %d, %v", n, err)
	}
	if _, ok := s.Snapshot().Connectors[ids[0]]; ok || len(s.Snapshot().Connectors) != 2 {
		t.Errorf("left: %v", s.Snapshot().Connectors)
	}
}

func TestAuditLog(t *testing.T) {
	s, stop := open(t, Config{Dir: t.TempDir()})
	for _, a := range []string{"one", "two", "three"} {
		if err := s.Audit(t.Context(), AuditEvent{Actor: "uid 0", Action: a}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.AuditLog(t.Context(), 2)
	if err != nil || len(got) != 2 || got[0].Action != "two" || got[1].Action != "three" {
		t.Errorf("audit log: %+v, %v", got, err)
	}
	stop()
}

func TestSecondEdgeIsRefusedByName(t *testing.T) {
	dir := t.TempDir()
	_, stop := open(t, Config{Dir: dir})
	err := New(Config{Dir: dir}).Run(t.Context())
	want := fmt.Sprintf("data directory %s is in use by process %d (%s)", dir, os.Getpid(), strings.Join(os.Args, " "))
	if err == nil || err.Error() != want {
		t.Errorf("second edge: %v, want %s", err, want)
	}
	if advice.Of(err) != "stop that edge first, or give this one another --state-dir" {
		t.Errorf("hint %q", advice.Of(err))
	}
	stop()
	_, stop = open(t, Config{Dir: dir}) // free again
	stop()
}

func TestNothingIsLeftRunning(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s, stop := open(t, Config{Dir: t.TempDir()})
	if _, err := s.CreateTunnel(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	stop()
}

func TestChangesBeforeReadySayNo(t *testing.T) {
	if _, err := New(Config{Dir: t.TempDir()}).CreateTunnel(t.Context(), "a"); !errors.Is(err, ErrNotReady) {
		t.Errorf("got %v", err)
	}
}

// A trailing revision that no entry shows, as after a purge with a NATS tool,
// must not block changes for ever.
func TestChangesGoOnAfterForeignPurge(t *testing.T) {
	s, _ := open(t, Config{Dir: t.TempDir()})
	if _, err := s.CreateTunnel(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	st, err := s.current.Load().js.Stream(t.Context(), streamState)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.current.Load().js.Publish(t.Context(), subjState+"elsewhere", nil); err != nil {
		t.Fatal(err)
	}
	if err := st.Purge(t.Context(), jetstream.WithPurgeSubject(subjState+"elsewhere")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateTunnel(t.Context(), "b"); err != nil {
		t.Errorf("change after a foreign purge: %v", err)
	}
}
