package state

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/process"
)

// full runs a store whose disk is full until heal is called: what it tries to write is in a directory
// that heal makes.
func full(t *testing.T, cfg Config) (s *Store, heal, stop func()) {
	t.Helper()
	s = New(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	tried := filepath.Join(t.TempDir(), "gone")
	s.health.dir = tried
	s.health.note(process.NoRoom(cfg.Dir, syscall.ENOSPC))
	go func() { done <- s.Run(ctx) }()
	select {
	case <-s.Ready():
	case err := <-done:
		t.Fatalf("run store: %v", err)
	}
	stop = func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("store ended with %v", err)
		}
		done <- nil
	}
	t.Cleanup(stop)
	return s, func() {
		if err := os.Mkdir(tried, 0o700); err != nil {
			t.Fatal(err)
		}
	}, stop
}

// prepared returns the directory of a store with one tunnel, "office", and one device, "d1".
func prepared(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s, stop := open(t, Config{Dir: dir})
	if _, err := s.CreateTunnel(t.Context(), "office"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AllocateDevice(t.Context(), model.Device{ID: "d1", KeyHash: []byte{1}}); err != nil {
		t.Fatal(err)
	}
	stop()
	return dir
}

// While the disk is full what is stored is served, every change says so at once, a revocation holds
// all the same, and what happened is not forgotten. Then all of it works and is written, without a
// restart.
func TestFullDiskAndBack(t *testing.T) {
	dir := prepared(t)
	s, heal, stop := full(t, Config{Dir: dir})
	ctx := t.Context()
	if sn := s.Snapshot(); len(sn.Tunnels) != 1 || len(sn.Devices) != 1 {
		t.Fatalf("%d tunnels and %d devices are served", len(sn.Tunnels), len(sn.Devices))
	}
	changes := map[string]func() error{
		"tunnel": func() error { _, err := s.CreateTunnel(ctx, "other"); return err },
		"route":  func() error { _, err := s.AddRoute(ctx, prefix("10.1.0.0/16"), "office"); return err },
		"policy": func() error { return s.PutPolicy(ctx, model.Policy{}) },
		"token":  func() error { return s.CreateToken(ctx, model.Token{ID: "t1", Kind: "device"}) },
		"device": func() error { _, err := s.AllocateDevice(ctx, model.Device{ID: "d2"}); return err },
		"delete": func() error { return s.DeleteTunnel(ctx, "office") },
	}
	for what, change := range changes {
		if err := change(); !errors.Is(err, ErrUnwritable) || advice.Of(err) == "" || errors.Is(err, ErrHeld) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for range 2 { // repeated, it is held once
		err := s.RevokeDevice(ctx, "d1")
		if !errors.Is(err, ErrHeld) || !errors.Is(err, ErrUnwritable) || !strings.HasPrefix(err.Error(), "device d1 is shut out now, which could not be written: ") {
			t.Errorf("revoke: %v", err)
		}
	}
	if err := s.RevokeDevice(ctx, "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("revoke of nobody: %v", err)
	}
	if sn := s.Snapshot(); !sn.Devices["d1"].Revoked || sn.Changed.Held != 1 || s.stored.Load().Devices["d1"].Revoked {
		t.Error("the revocation is not in force, or is said to be stored")
	}
	if h := s.Health(); h.Error == "" || h.Hint == "" || h.Since.IsZero() || h.Held != 1 {
		t.Errorf("health %+v", h)
	}
	if err := s.Audit(ctx, AuditEvent{Action: "device revoke", Object: "d1"}); err != nil {
		t.Error(err)
	}
	heal()
	for _, what := range []string{"tunnel", "route", "policy", "token", "device"} {
		if err := changes[what](); err != nil {
			t.Errorf("%s, when there is room again: %v", what, err)
		}
	}
	await(t, "what was held to be written", func() error {
		if h := s.Health(); h != (Health{}) || !s.stored.Load().Devices["d1"].Revoked {
			return errors.New("not yet")
		}
		events, err := s.AuditLog(ctx, 10)
		if err == nil && !slices.ContainsFunc(events, func(e AuditEvent) bool { return e.Action == "device revoke" && e.Object == "d1" }) {
			err = errors.New("no event yet")
		}
		return err
	})
	stop()
	again, _ := open(t, Config{Dir: dir})
	if sn := again.Snapshot(); !sn.Devices["d1"].Revoked || len(sn.Tunnels) != 2 || len(sn.Routes) != 1 || sn.Changed.Held != 0 {
		t.Errorf("after a restart: %+v", sn)
	}
}

// A write that the disk refuses under JetStream's hands ends the session; the store is opened again in
// its place, with all that was acknowledged, and works.
func TestStoreIsOpenedAgain(t *testing.T) {
	s, _ := open(t, Config{Dir: prepared(t)})
	for i, name := range []string{"a", "b"} {
		x, was := s.current.Load(), s.Snapshot().Revision
		_ = x.fail(errors.New("JetStream failed to store a msg"))
		if _, err := s.CreateTunnel(t.Context(), name); err != nil {
			t.Fatalf("change after fault %d: %v", i, err)
		}
		if s.current.Load() == x || len(s.Snapshot().Tunnels) != 2+i || s.Snapshot().Revision <= was {
			t.Errorf("fault %d: %d tunnels", i, len(s.Snapshot().Tunnels))
		}
		if _, err := x.put(t.Context(), keyTunnel("x"), []byte("{}"), 0); !errors.Is(err, ErrUnwritable) {
			t.Errorf("a write in the session that has ended: %v", err)
		}
	}
}

// The log says it once a minute and once that it is over, however often it was asked.
func TestTroubleIsLoggedSparsely(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	h := health{dir: t.TempDir(), now: time.Now, log: zap.New(core)}
	no := process.NoRoom("DIR", syscall.EROFS)
	for range 100 {
		h.note(no)
		h.note(nil)
		h.note(no)
	}
	h.note(nil)
	var lines []string
	for _, e := range logs.All() {
		lines = append(lines, e.Message)
	}
	want := []string{"changes cannot be written; what is stored goes on being served", "changes can be written again"}
	if !slices.Equal(lines, want) {
		t.Errorf("%q", lines)
	}
	h.said = h.said.Add(-repeatEvery)
	if h.note(no); logs.Len() != 3 {
		t.Errorf("%d lines after a minute", logs.Len())
	}
}

// What is held is bounded, and so is what waits for the audit log; the oldest event makes room.
func TestHeldIsBounded(t *testing.T) {
	var h holding
	nothing := func(*model.Snapshot) (write, error) { return write{}, errNothing }
	for i := range maxHeld + 1 {
		if ok := h.add(heldChange{string(rune('a'+i%26)) + time.Duration(i).String(), nothing}); ok != (i < maxHeld) {
			t.Fatalf("change %d: %v", i, ok)
		}
	}
	var u unwritten
	for range maxUnwritten + 2 {
		u.add([]byte("e"))
	}
	events, lost := u.take()
	if len(events) != maxUnwritten || lost != 2 {
		t.Errorf("%d events wait, %d lost", len(events), lost)
	}
	u.add([]byte("new"))
	u.giveBack(events, 0)
	if events, lost = u.take(); len(events) != maxUnwritten || lost != 1 || string(events[maxUnwritten-1]) != "new" {
		t.Errorf("given back: %d events wait, %d lost", len(events), lost)
	}
}

// A store that does not open, as its disk takes nothing, is served as it was last acknowledged; it is
// opened when the disk can be written.
func TestStartWithoutAStoreThatOpens(t *testing.T) {
	dir := prepared(t)
	nats, aside := filepath.Join(dir, natsDir), filepath.Join(t.TempDir(), "aside")
	if err := errors.Join(os.Rename(nats, aside), os.WriteFile(nats, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	s, heal, _ := full(t, Config{Dir: dir})
	sn := s.Snapshot()
	if _, ok := sn.Tunnel("office"); !ok || len(sn.Devices) != 1 || sn.Revision == 0 || !sn.Plan.Prefix4.IsValid() {
		t.Fatalf("served: %+v", sn)
	}
	if _, err := s.CreateTunnel(t.Context(), "other"); !errors.Is(err, ErrUnwritable) {
		t.Errorf("change: %v", err)
	}
	if err := s.RevokeDevice(t.Context(), "d1"); !errors.Is(err, ErrHeld) || !s.Snapshot().Devices["d1"].Revoked {
		t.Errorf("revoke: %v", err)
	}
	if err := errors.Join(os.Remove(nats), os.Rename(aside, nats)); err != nil {
		t.Fatal(err)
	}
	heal()
	await(t, "the store to be opened", func() error { _, err := s.CreateTunnel(t.Context(), "other"); return err })
	await(t, "the revocation to be written", func() error {
		if !s.stored.Load().Devices["d1"].Revoked {
			return errors.New("not yet")
		}
		return nil
	})
}

// Without evidence that is whole nothing older than what was acknowledged is served: the start fails,
// and says that it is the disk.
func TestStartWithoutStoreAndEvidence(t *testing.T) {
	dir := prepared(t)
	nats := filepath.Join(dir, natsDir)
	if err := errors.Join(os.RemoveAll(nats), os.WriteFile(nats, nil, 0o600), os.Truncate(filepath.Join(dir, "journal"), 9)); err != nil {
		t.Fatal(err)
	}
	s := New(Config{Dir: dir})
	s.health.dir = filepath.Join(t.TempDir(), "gone")
	s.health.note(process.NoRoom(dir, syscall.ENOSPC))
	err := s.Run(t.Context())
	if want := "open store: write in " + s.health.dir + ": no such file or directory"; err == nil || err.Error() != want || s.Snapshot() != nil {
		t.Errorf("%v, want %s", err, want)
	}
}

// A store that comes back with less than was acknowledged is not served: what was there before goes
// on, and status says what to do.
func TestStoreThatComesBackDamaged(t *testing.T) {
	dir := prepared(t)
	s, _ := open(t, Config{Dir: dir})
	nats := filepath.Join(dir, natsDir)
	if err := errors.Join(os.Rename(nats, filepath.Join(t.TempDir(), "aside")), os.Mkdir(nats, 0o700)); err != nil {
		t.Fatal(err)
	}
	_ = s.current.Load().fail(errors.New("JetStream failed to store a msg"))
	await(t, "the damage to be known", func() error {
		if h := s.Health(); !strings.Contains(h.Error, "is damaged: it holds ") || !strings.Contains(h.Hint, "oneping edge restore") {
			return errors.New(h.Error)
		}
		return nil
	})
	if _, err := s.CreateTunnel(t.Context(), "other"); !errors.Is(err, ErrUnwritable) {
		t.Errorf("change: %v", err)
	}
	if sn := s.Snapshot(); len(sn.Tunnels) != 1 || len(sn.Devices) != 1 {
		t.Errorf("served: %+v", sn)
	}
}
