package state

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/oneping/oneping/edge/model"
)

// TestSeenIsExact: the store has a time at most every SeenStep, this process the time of the last
// sighting, and nothing is kept of who does not exist.
func TestSeenIsExact(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	s, stop := open(t, Config{Dir: dir, Now: func() time.Time { return now }})
	tun, err := s.CreateTunnel(t.Context(), "lab")
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := s.PutConnector(t.Context(), model.Connector{Tunnel: tun.ID, KeyHash: []byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	first := now
	for range 4 {
		if err := errors.Join(s.Touch(t.Context(), r.ID), s.Touch(t.Context(), "nobody")); err != nil {
			t.Fatal(err)
		}
		if got := s.Seen(r.ID); !got.Equal(now) {
			t.Errorf("seen at %s, want %s", got, now)
		}
		now = now.Add(time.Minute)
	}
	if got := s.Seen("nobody"); !got.IsZero() {
		t.Errorf("who does not exist was seen at %s", got)
	}
	stop()
	s, _ = open(t, Config{Dir: dir, Now: func() time.Time { return now }})
	for deadline := time.Now().Add(10 * time.Second); !s.Seen(r.ID).Equal(first); {
		if time.Now().After(deadline) {
			t.Fatalf("after a restart: seen at %s, want %s", s.Seen(r.ID), first)
		}
		runtime.Gosched()
	}
}
