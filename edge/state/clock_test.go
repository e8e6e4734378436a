package state

import (
	"errors"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/oneping/oneping/edge/model"
)

// An edge whose clock is in 2036 for a minute, or for a day, forgets neither connectors nor tokens; it
// does when clock and stopwatch have gone together for a day and both say that it is time.
func TestNothingIsForgottenOnTheWordOfOneClock(t *testing.T) {
	wall, watch := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), new(stopwatch)
	core, logs := observer.New(zapcore.WarnLevel)
	s, _ := open(t, Config{Dir: t.TempDir(), Now: func() time.Time { return wall }, Elapsed: watch.now, Log: zap.New(core)})
	ctx := t.Context()
	tun := newTunnel(t, s, 3)
	if _, _, err := putConnector(ctx, s, tun.ID, "token", 1); err != nil {
		t.Fatal(err)
	}
	expires := wall.Add(time.Hour)
	if err := s.CreateToken(ctx, model.Token{ID: "device", Kind: "device", Created: wall, Expires: &expires}); err != nil {
		t.Fatal(err)
	}
	pass := func(d time.Duration) { wall = wall.Add(d); watch.forward(d) }
	forgotten := func() (n int) {
		t.Helper()
		connectors, err := s.ForgetConnectors(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		tokens, err := s.ForgetTokens(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return connectors + tokens
	}
	const years = 10 * 365 * 24 * time.Hour
	pass(23 * time.Hour)
	wall = wall.Add(years)
	if n, text := forgotten(), s.ClockTrouble(); n != 0 || text != "it went 3650d ahead, 0s ago; nothing is forgotten for its age until it has been steady for a day" {
		t.Errorf("in 2036: %d forgotten, %q", n, text)
	}
	for range 26 { // the whole time by the stopwatch, and a day more
		pass(time.Minute)
		if n := forgotten(); n != 0 {
			t.Errorf("in 2036: %d forgotten", n)
		}
	}
	wall = wall.Add(-years)
	if n, text := forgotten(), s.ClockTrouble(); n != 0 || text != "it went 3650d back, 0s ago; nothing is forgotten for its age until it has been steady for a day" {
		t.Errorf("corrected: %d forgotten, %q", n, text)
	}
	if lines := logs.FilterMessageSnippet("this machine's clock was set, or the machine has slept: it went 3650d ").Len(); lines != 2 {
		t.Errorf("%d lines of the log, want 2: %v", lines, logs.All())
	}
	pass(25 * time.Hour)
	if n, text := forgotten(), s.ClockTrouble(); n != 1 || text != "" || len(s.Snapshot().Connectors) != 0 {
		t.Errorf("the connector, two days later: %d forgotten, %q", n, text)
	}
	pass(TokenMemory)
	if n := forgotten(); n != 1 {
		t.Errorf("the token, a month later: %d forgotten", n)
	}
}

// What was stored by a clock that was ahead is newer than now: that is said, and nothing forgotten. A
// sighting from there is corrected by the next one.
func TestClockBehindTheStore(t *testing.T) {
	dir, wall := t.TempDir(), time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return wall }
	s, stop := open(t, Config{Dir: dir, Now: now})
	wall = wall.Add(10 * 24 * time.Hour)
	tun := newTunnel(t, s, 3)
	c, _, err := putConnector(t.Context(), s, tun.ID, "token", 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Touch(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	stop()
	wall = wall.Add(-10 * 24 * time.Hour)
	watch := new(stopwatch)
	core, logs := observer.New(zapcore.WarnLevel)
	s, _ = open(t, Config{Dir: dir, Now: now, Elapsed: watch.now, Log: zap.New(core)})
	if text := s.ClockTrouble(); text != "it is 10d behind the newest entry of the store; nothing is forgotten for its age until it is not" {
		t.Errorf("%q", text)
	}
	if logs.FilterMessageSnippet("this machine's clock is behind what is stored, or was ahead before").Len() != 1 {
		t.Errorf("log: %v", logs.All())
	}
	if err := s.Touch(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	if at := s.Seen(c.ID); !at.Equal(wall) {
		t.Errorf("seen at %v, want %v", at, wall)
	}
	wall = wall.Add(3 * 24 * time.Hour)
	watch.forward(3 * 24 * time.Hour)
	if n, err := s.ForgetConnectors(t.Context(), nil); n != 0 || err != nil {
		t.Errorf("%d forgotten, %v", n, err)
	}
}

// A device token that was made while the clock was ahead does not last until then.
func TestTokenOfAClockThatWasAhead(t *testing.T) {
	wall := time.Date(2036, 11, 22, 12, 0, 0, 0, time.UTC)
	s, _ := open(t, Config{Dir: t.TempDir(), Now: func() time.Time { return wall }})
	expires := wall.Add(time.Hour)
	if err := s.CreateToken(t.Context(), model.Token{ID: "one", Kind: "device", Hash: []byte("h"), Created: wall, Expires: &expires}); err != nil {
		t.Fatal(err)
	}
	wall = wall.AddDate(0, 0, -10)
	if _, err := s.UseToken(t.Context(), "one", []byte("h"), []byte("k")); why(err) != TokenEarly || !errors.Is(err, ErrToken) ||
		err.Error() != "the token was made 10d from now: the edge's clock was ahead then" {
		t.Errorf("%v", err)
	}
	wall = wall.AddDate(0, 0, 10)
	if _, err := s.UseToken(t.Context(), "one", []byte("h"), []byte("k")); err != nil {
		t.Errorf("in its time: %v", err)
	}
}

func TestNewest(t *testing.T) {
	at := func(day int) time.Time { return time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC) }
	used := at(9)
	sn := &model.Snapshot{Tokens: map[string]model.Token{"t": {Created: at(2), Used: &used}}}
	for want, sn := range map[time.Time]*model.Snapshot{
		{}:    {},
		at(3): {Tunnels: map[string]model.Tunnel{"a": {Created: at(3)}, "b": {Created: at(1)}}},
		at(4): {Connectors: map[string]model.Connector{"a": {Created: at(4)}}},
		at(5): {Devices: map[string]model.Device{"a": {Created: at(5)}}},
		at(6): {Routes: slices.Repeat([]model.Route{{Created: at(6)}}, 2)},
		at(9): sn,
	} {
		if got := newestIn(sn); !got.Equal(want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}
