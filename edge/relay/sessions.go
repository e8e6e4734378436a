package relay

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/internal/table"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

const (
	// graceIdle lets the connector, which owns a session, end it first.
	graceIdle = 30 * time.Second
	numShards = 64
	// maxEvents bounds the events that a device's silence adds up to: it remembers 64 packets of a
	// session, of each of which it may be told that it is registered and what became of it.
	maxEvents = 2 * 64
)

// session is the edge's half of a UDP session: who may use the id, and where it goes.
type session struct {
	id proto.SessionID
	tuple
	con     *connector
	idle    time.Duration
	last    table.LastUse
	traffic hop.Traffic
	held    atomic.Bool // the connector has said that it has the session

	place   *table.Place[string, *session] // guarded by its shard
	answers credit                         // what the connector may still say of it: events
}

func newSession(sub *source, reg *proto.UDPRegistration, idle time.Duration, tunnelID string, con *connector) *session {
	s := &session{
		id: reg.Session, con: con, idle: idle,
		tuple: tuple{dev: sub.dev, holder: sub.holder(), src: reg.Src, dst: reg.Dst, proto: policy.UDP, tunnel: tunnelID},
	}
	s.last.Begin(time.Now())
	return s
}

// foreign says whether a registration may not be one of s, which has its id already: packet.OK where it
// may, or where there is no s.
func (s *session) foreign(dev *device, reg *proto.UDPRegistration) packet.Reason {
	switch {
	case s == nil:
		return packet.OK
	case s.dev != dev:
		return packet.Spoofed
	case s.src != reg.Src || s.dst != reg.Dst:
		return packet.Malformed
	}
	return packet.OK
}

// expired says whether s has been idle for longer than its two ends, which have their own clocks, keep it.
func (s *session) expired(now time.Time) bool {
	idle := s.traffic.Idle(s.dst.Port(), s.idle)
	return s.last.Ago(now) > idle+graceIdle
}

// LastUsed returns when a packet of s last passed, in Unix nanoseconds.
func (s *session) LastUsed() int64 { return s.last.UnixNano() }

func (s *session) touch() { s.last.Touch() }

// sessions is the table of live sessions, in shards so that links do not wait for each other.
type sessions struct {
	shards    [numShards]sessionShard
	places    *table.Places[string, *session] // by holder; its lock is taken with a shard's held, never the other way
	maxDevice int32
}

type sessionShard struct {
	mu sync.RWMutex
	m  map[proto.SessionID]*session
}

func newSessions(limit, perDevice int) *sessions {
	t := &sessions{places: table.NewPlaces[string, *session](limit, 0), maxDevice: int32(perDevice)}
	for i := range t.shards {
		t.shards[i].m = make(map[proto.SessionID]*session)
	}
	return t
}

func (t *sessions) len() int { return t.places.Len() }

func (t *sessions) shard(id proto.SessionID) *sessionShard {
	return &t.shards[mix(uint64(id))%numShards]
}

// get returns a session, or nil.
func (t *sessions) get(id proto.SessionID) *session {
	sh := t.shard(id)
	sh.mu.RLock()
	s := sh.m[id]
	sh.mu.RUnlock()
	return s
}

// open puts s into the table, in the place of an older session of the same id, device and
// addresses. out, where it is not nil, has made room for it and has ended. False: a bound is
// reached, or the id is somebody else's.
func (t *sessions) open(s *session) (out *session, ok bool) {
	s.touch()
	if out, ok = t.insert(s); out != nil {
		t.end(out) // its shard may be any
	}
	return out, ok
}

// insert is open without the end of out.
func (t *sessions) insert(s *session) (out *session, ok bool) {
	sh := t.shard(s.id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if old := sh.m[s.id]; old != nil {
		if old.dev != s.dev || old.src != s.src || old.dst != s.dst {
			return nil, false
		}
		s.traffic.Inherit(&old.traffic)
		if t.places.Replace(old.place, s) {
			s.place = old.place
			sh.m[s.id] = s
			return nil, true
		}
		t.drop(sh, old) // it has just made room for another
	}
	if s.dev.sessions.Add(1) > t.maxDevice {
		s.dev.sessions.Add(-1)
		return nil, false
	}
	place, out, _, reason := t.places.Add(s.holder, s)
	if reason != packet.OK {
		s.dev.sessions.Add(-1)
		return nil, false
	}
	s.place = place
	sh.m[s.id] = s
	return out, true
}

// end takes s out of the table, if it is still there.
func (t *sessions) end(s *session) {
	sh := t.shard(s.id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t.drop(sh, s)
}

// drop is end with the shard locked.
func (t *sessions) drop(sh *sessionShard, s *session) {
	if sh.m[s.id] == s {
		delete(sh.m, s.id)
		s.dev.sessions.Add(-1)
		t.places.Remove(s.place)
	}
}

// sweep forgets the sessions that have been idle. Client and connector end
// them by their own clocks; a packet of one that comes later registers it again.
func (t *sessions) sweep(now time.Time) {
	for i := range t.shards {
		sh := &t.shards[i]
		sh.mu.Lock()
		for _, s := range sh.m {
			if s.expired(now) {
				t.drop(sh, s)
			}
		}
		sh.mu.Unlock()
	}
}

// all returns the live sessions.
func (t *sessions) all() []*session {
	out := make([]*session, 0, t.len())
	for i := range t.shards {
		sh := &t.shards[i]
		sh.mu.RLock()
		for _, s := range sh.m {
			out = append(out, s)
		}
		sh.mu.RUnlock()
	}
	return out
}

// tellEnd tells both sides that s, which is no longer in the table, has ended, and counts why.
func (r *Relay) tellEnd(s *session, why packet.Reason) {
	r.counters.Count(why)
	d := proto.AppendUDPEvent(nil, &proto.UDPEvent{Session: s.id, Kind: proto.EventClosed})
	if c := s.dev.attachment.Load(); c != nil {
		_ = c.link.Send(hop.EventClass, d) // lost: its next packet is answered with "unknown"
	}
	if c := s.con.attachment.Load(); c != nil {
		_ = c.link.Send(hop.EventClass, d) // lost: it ends by idleness there
	}
}
