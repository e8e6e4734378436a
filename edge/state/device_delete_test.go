package state

import (
	"errors"
	"testing"
	"time"

	"github.com/oneping/oneping/edge/model"
)

// A deleted device is out at once and stays out, by its old token too; its addresses rest before its
// record goes, and are given out anew then.
func TestDeletedDevice(t *testing.T) {
	now, watch := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC), new(stopwatch)
	s := small(t, func() time.Time { return now }, watch)
	ctx := t.Context()
	if err := s.CreateToken(ctx, model.Token{ID: "one", Kind: "device", Hash: []byte("h"), User: "alice", Created: now}); err != nil {
		t.Fatal(err)
	}
	used, err := s.UseToken(ctx, "one", []byte("h"), []byte("k"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := s.AllocateDevice(ctx, model.Device{ID: used.Device, User: "alice", KeyHash: []byte("k")})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RenameDevice(ctx, first.ID, "laptop"); err != nil || s.Snapshot().Devices[first.ID].Name != "laptop" {
		t.Errorf("rename: %v, %+v", err, s.Snapshot().Devices[first.ID])
	}
	if err := s.DeleteDevice(ctx, first.ID); err != nil {
		t.Fatal(err)
	}
	d := s.Snapshot().Devices[first.ID]
	if !d.Deleted || !d.Revoked || !d.RevokedAt.Equal(now) || d.Addr4 != first.Addr4 {
		t.Errorf("deleted: %+v", d)
	}
	for what, err := range map[string]error{"delete": s.DeleteDevice(ctx, first.ID), "rename": s.RenameDevice(ctx, first.ID, "x"), "none": s.DeleteDevice(ctx, "none")} {
		if why(err) != NoDevice || !errors.Is(err, ErrNotFound) {
			t.Errorf("%s again: %v", what, err)
		}
	}
	second, err := allocate(t, s, 1)
	if err != nil || second.Addr4 == first.Addr4 {
		t.Errorf("the next device: %v, %v: the address of a deleted one must rest", second.Addr4, err)
	}
	forget := func(when string, want int) {
		t.Helper()
		if n, err := s.ForgetDevices(ctx); n != want || err != nil {
			t.Errorf("%s: forgot %d, want %d; %v", when, n, want, err)
		}
	}
	forget("at once", 0)
	now = now.Add(2 * time.Hour)
	forget("by the clock alone", 0)
	watch.forward(2 * time.Hour)
	forget("rested", 1)
	sn := s.Snapshot()
	if _, there := sn.Devices[first.ID]; there {
		t.Error("its record is there")
	}
	if _, err := s.UseToken(ctx, "one", []byte("h"), []byte("k")); why(err) != TokenUnknown {
		t.Errorf("the token that made it: %v", err)
	}
	if third, err := allocate(t, s, 2); err != nil || third.Addr4 != first.Addr4 {
		t.Errorf("after the rest: %v, want %v; %v", third.Addr4, first.Addr4, err)
	}
}

// A cancelled token enrols nobody, and says so; one that was used is refused with the device it made.
func TestCancelledToken(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	s, _ := open(t, Config{Dir: t.TempDir(), Now: func() time.Time { return now }})
	ctx := t.Context()
	tun, err := s.CreateTunnel(ctx, "office")
	if err != nil {
		t.Fatal(err)
	}
	for _, tok := range []model.Token{
		{ID: "laptop", Kind: "device", Hash: []byte("h"), User: "alice", Created: now},
		{ID: "spent", Kind: "device", Hash: []byte("h"), User: "alice", Created: now},
		{ID: "begun", Kind: "device", Hash: []byte("h"), User: "alice", Created: now},
		{ID: "site", Kind: "tunnel", Hash: []byte("h"), Tunnel: tun.ID, Created: now},
	} {
		if err := s.CreateToken(ctx, tok); err != nil {
			t.Fatal(err)
		}
	}
	used, err := s.UseToken(ctx, "spent", []byte("h"), []byte("k"))
	if err == nil {
		_, err = s.AllocateDevice(ctx, model.Device{ID: used.Device, User: "alice", KeyHash: []byte("k")})
	}
	if err != nil {
		t.Fatal(err)
	}
	begun, err := s.UseToken(ctx, "begun", []byte("h"), []byte("k")) // and there was no address for it
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // said again, it is so
		for _, id := range []string{"laptop", "begun", "site"} {
			if was, err := s.CancelToken(ctx, id); err != nil || was.ID != id {
				t.Errorf("cancel %s: %+v, %v", id, was, err)
			}
		}
	}
	for id, want := range map[string]Why{"laptop": TokenWithdrawn, "begun": TokenWithdrawn, "site": TokenCancelled} {
		if _, err := s.UseToken(ctx, id, []byte("h"), []byte("k")); why(err) != want || err.Error() != "the token was withdrawn" || !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if d, err := s.AllocateDevice(ctx, model.Device{ID: begun.Device, User: "alice", KeyHash: []byte("k")}); why(err) != TokenWithdrawn {
		t.Errorf("a device that was under way with it: %+v, %v", d, err)
	}
	if _, _, err := s.PutConnector(ctx, model.Connector{Tunnel: tun.ID, Token: "site", KeyHash: []byte("k")}); why(err) != TokenCancelled {
		t.Errorf("a connector that was under way with it: %v", err)
	}
	if _, err := s.CancelToken(ctx, "spent"); why(err) != TokenSpent || err.Error() != "cancel token spent: device "+used.Device+" has enrolled with it" {
		t.Errorf("a used one: %v", err)
	}
	if _, err := s.CancelToken(ctx, "none"); why(err) != NoToken || err.Error() != "token none does not exist" {
		t.Errorf("none: %v", err)
	}
}
