package state

import (
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/term"
)

const (
	// clockJump is by how much the wall clock must have gone another way than the stopwatch, between
	// two looks, to be called set: no correction of a clock that runs is as fast.
	clockJump = 10 * time.Second
	// clockSteady is for how long the two must have gone together before anything is forgotten for
	// its age.
	clockSteady = 24 * time.Hour
	// clockBehind is how far the wall clock may be behind what the store has seen: edges of a fleet
	// differ.
	clockBehind = time.Minute
)

// clock watches this machine's wall clock: against a stopwatch that nobody sets, and against the
// times that are stored. Nothing is forgotten on the word of the wall clock alone.
type clock struct {
	now, elapsed func() time.Time
	log          *zap.Logger

	mu sync.Mutex
	// guarded by mu:
	wall, watch time.Time     // what both said at the last look
	steady      time.Time     // by the stopwatch: since when they go together
	jump        time.Duration // the last one; 0 = none
	newest      time.Time     // that was stored when the store was opened
}

// newClock returns a clock that begins to watch now.
func newClock(now, elapsed func() time.Time, log *zap.Logger) *clock {
	began := elapsed()
	return &clock{now: now, elapsed: elapsed, log: log, wall: now(), watch: began, steady: began}
}

// look compares the clock with the stopwatch and logs when it was set.
func (c *clock) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall, watch := c.now(), c.elapsed()
	off := wall.Round(0).Sub(c.wall.Round(0)) - watch.Sub(c.watch)
	c.wall, c.watch = wall, watch
	if off.Abs() < clockJump {
		return
	}
	c.steady, c.jump = watch, off
	c.log.Warn("this machine's clock was set, or the machine has slept: "+c.text(), zap.Duration("by", off),
		zap.Time("now", wall.UTC()), zap.String(obs.FieldHint, adviceClock))
}

const adviceClock = "compare it with another machine's, and let it be set by the network: timedatectl set-ntp true"

// opened is told what is stored, when the store is opened.
func (c *clock) opened(sn *model.Snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.newest = newestIn(sn)
	if behind := c.behind(); behind > 0 {
		c.log.Warn("this machine's clock is behind what is stored, or was ahead before: "+c.text(), zap.Duration("by", behind),
			zap.Time("now", c.now().UTC()), zap.Time("stored", c.newest), zap.String(obs.FieldHint, adviceClock))
	}
}

// behind returns how far the clock is behind what was stored, 0 where that is little. c.mu is held.
func (c *clock) behind() time.Duration {
	if behind := c.newest.Sub(c.now()); !c.newest.IsZero() && behind > clockBehind {
		return behind
	}
	return 0
}

// trusted says whether something may be forgotten for its age.
func (c *clock) trusted() bool {
	c.look()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.elapsed().Sub(c.steady) >= clockSteady && c.behind() == 0
}

// trouble says for people what is wrong with the clock; "" where nothing is.
func (c *clock) trouble() string {
	c.look()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text()
}

// text is trouble where c.mu is held.
func (c *clock) text() string {
	steady := c.elapsed().Sub(c.steady)
	const kept = "nothing is forgotten for its age"
	behind := c.behind()
	switch {
	case c.jump != 0 && steady < clockSteady:
		way := "ahead"
		if c.jump < 0 {
			way = "back"
		}
		return fmt.Sprintf("it went %s %s, %s ago; %s until it has been steady for a day", term.Span(c.jump.Abs()), way, term.Span(steady), kept)
	case behind > 0:
		return fmt.Sprintf("it is %s behind the newest entry of the store; %s until it is not", term.Span(behind), kept)
	}
	return ""
}

// newestIn returns the newest time at which something was stored; zero for an empty store.
func newestIn(sn *model.Snapshot) time.Time {
	var newest time.Time
	for _, t := range sn.Tunnels {
		newest = later(newest, t.Created)
	}
	for _, c := range sn.Connectors {
		newest = later(newest, c.Created)
	}
	for _, d := range sn.Devices {
		newest = later(newest, d.Created)
	}
	for _, r := range sn.Routes {
		newest = later(newest, r.Created)
	}
	for _, t := range sn.Tokens {
		if newest = later(newest, t.Created); t.Used != nil {
			newest = later(newest, *t.Used)
		}
	}
	return newest
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// ClockTrouble says for people what is wrong with this machine's clock; "" where nothing is.
func (s *Store) ClockTrouble() string { return s.clock.trouble() }
