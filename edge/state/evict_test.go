package state

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oneping/oneping/edge/model"
)

// stopwatch is a clock that nobody sets; tests turn it.
type stopwatch struct{ ns atomic.Int64 }

func (w *stopwatch) now() time.Time { return time.Unix(0, w.ns.Load()) }

func (w *stopwatch) forward(d time.Duration) { w.ns.Add(int64(d)) }

// newTunnel makes a tunnel that may have n connectors, with the token "token".
func newTunnel(t *testing.T, s *Store, n int) model.Tunnel {
	t.Helper()
	tun, err := s.CreateTunnelFor(t.Context(), "lab", n)
	if err == nil {
		err = s.CreateToken(t.Context(), model.Token{ID: "token", Kind: "tunnel", Hash: []byte("h"), Tunnel: tun.ID})
	}
	if err != nil {
		t.Fatal(err)
	}
	return tun
}

// putConnector enrols a connector with a key.
func putConnector(ctx context.Context, s *Store, tunnel, token string, key byte) (model.Connector, bool, error) {
	return s.PutConnector(ctx, model.Connector{Tunnel: tunnel, Token: token, KeyHash: []byte{key}})
}

// A tunnel token may be used any number of times: only so many connectors have a place. One that
// has been silent for long makes room, by this process's own stopwatch: the clock of the wall may
// say what it likes.
func TestConnectorsAreBounded(t *testing.T) {
	wall, watch := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), new(stopwatch)
	s, _ := open(t, Config{Dir: t.TempDir(), Now: func() time.Time { return wall }, Elapsed: watch.now})
	ctx := t.Context()
	tun := newTunnel(t, s, 3)
	var ids []string
	for key := range byte(3) {
		watch.forward(time.Minute)
		r, news, err := putConnector(ctx, s, tun.ID, "token", key)
		if err != nil || !news {
			t.Fatalf("connector %d: %v, news %v", key, err, news)
		}
		ids = append(ids, r.ID)
	}
	full := func() {
		t.Helper()
		_, _, err := putConnector(ctx, s, tun.ID, "token", 20)
		if r, ok := errors.AsType[*Refusal](err); !ok || r.Why != ConnectorsFull || r.Object != "lab" ||
			r.Error() != "tunnel lab has 3 connectors already, as many as it may have" || !errors.Is(err, ErrToken) {
			t.Errorf("one too many: %v", err)
		}
	}
	full()
	if r, news, err := putConnector(ctx, s, tun.ID, "token", 1); err != nil || news || r.ID != ids[1] {
		t.Errorf("one that is there: %s, %v, %v", r.ID, news, err)
	}
	wall = wall.AddDate(10, 0, 0)
	full()
	wall = wall.AddDate(-10, 0, 0)
	watch.forward(AwayForGood - 2*time.Minute - time.Second)
	full()
	watch.forward(time.Second) // the first one is away for good; the second and third have a minute each
	if err := s.Touch(ctx, ids[1]); err != nil {
		t.Fatal(err)
	}
	r, news, err := putConnector(ctx, s, tun.ID, "token", 9)
	if err != nil || !news {
		t.Fatalf("with room: %v", err)
	}
	sn := s.Snapshot()
	if _, there := sn.Connectors[ids[0]]; there || len(sn.Connectors) != 3 || sn.Connectors[r.ID].Token != "token" {
		t.Errorf("left: %v", sn.Connectors)
	}
	full() // nobody pushes out who has just come
	if _, err := s.SetMaxConnectors(ctx, "lab", 4); err != nil {
		t.Fatal(err)
	}
	if _, _, err := putConnector(ctx, s, tun.ID, "token", 10); err != nil {
		t.Errorf("with a higher bound: %v", err)
	}
	for _, n := range []int{0, -1, model.MostConnectors + 1} {
		if _, err := s.SetMaxConnectors(ctx, "lab", n); why(err) != BadLimit {
			t.Errorf("a bound of %d: %v", n, err)
		}
	}
}

// A revoked connector stays known: its key does not enrol again, whatever token it has, and it
// takes no place.
func TestRevokedConnectorStaysOut(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	s, _ := open(t, Config{Dir: t.TempDir(), Now: func() time.Time { return now }})
	ctx := t.Context()
	tun := newTunnel(t, s, 1)
	r, _, err := putConnector(ctx, s, tun.ID, "token", 1)
	if err != nil {
		t.Fatal(err)
	}
	if was, err := s.RevokeConnector(ctx, r.ID); err != nil || was.Revoked {
		t.Fatalf("revoke: %+v, %v", was, err)
	}
	if was, err := s.RevokeConnector(ctx, r.ID); err != nil || !was.Revoked {
		t.Errorf("revoke again: %+v, %v", was, err)
	}
	if _, err := s.RevokeConnector(ctx, "none"); why(err) != NoConnector || !errors.Is(err, ErrNotFound) {
		t.Errorf("revoke nobody: %v", err)
	}
	now = now.Add(365 * 24 * time.Hour)
	if n, err := s.ForgetConnectors(ctx, nil); n != 0 || err != nil {
		t.Errorf("forgot %d, %v", n, err)
	}
	if err := s.CreateToken(ctx, model.Token{ID: "newer", Kind: "tunnel", Hash: []byte("h"), Tunnel: tun.ID}); err != nil {
		t.Fatal(err)
	}
	if again, news, err := putConnector(ctx, s, tun.ID, "newer", 1); err != nil || news || !again.Revoked || again.ID != r.ID {
		t.Errorf("its key again: %+v, %v, %v", again, news, err)
	}
	if _, news, err := putConnector(ctx, s, tun.ID, "newer", 2); err != nil || !news {
		t.Errorf("another one in its place: %v", err)
	}
}

// Who enrolled with an earlier token goes; who has the new one stays, whenever it got it.
func TestEvictConnectors(t *testing.T) {
	s, _ := open(t, Config{Dir: t.TempDir()})
	ctx := t.Context()
	tun := newTunnel(t, s, 8)
	var ids []string
	for key := range byte(4) {
		r, _, err := putConnector(ctx, s, tun.ID, "token", key)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.ID)
	}
	if _, err := s.RevokeConnector(ctx, ids[3]); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateToken(ctx, model.Token{ID: "newer", Kind: "tunnel", Hash: []byte("h"), Tunnel: tun.ID}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RotateTunnelTokens(ctx, tun.ID, "newer"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := putConnector(ctx, s, tun.ID, "token", 7); why(err) != TokenRotated { // its token was looked at before
		t.Errorf("enrolled behind a rotation: %v", err)
	}
	if r, news, err := putConnector(ctx, s, tun.ID, "newer", 1); err != nil || news || r.ID != ids[1] || r.Token != "newer" {
		t.Errorf("a known key with the new token: %+v, %v, %v", r, news, err)
	}
	gone, err := s.EvictConnectors(ctx, tun.ID, "newer")
	if err != nil || len(gone) != 2 || gone[0].ID == gone[1].ID {
		t.Errorf("put out: %+v, %v", gone, err)
	}
	sn := s.Snapshot()
	if len(sn.Connectors) != 2 || sn.Connectors[ids[1]].Token != "newer" || !sn.Connectors[ids[3]].Revoked {
		t.Errorf("left: %+v", sn.Connectors)
	}
	if r, news, err := putConnector(ctx, s, tun.ID, "newer", 0); err != nil || !news || r.ID == ids[0] {
		t.Errorf("one that was put out, with the new token: %+v, %v, %v", r, news, err)
	}
}
