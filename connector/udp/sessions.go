package udp

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/internal/table"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// Sessions is the table of live sessions. Safe for concurrent use.
type Sessions struct {
	cfg  Config
	sys  Sockets
	idle atomic.Uint32 // seconds, at most: what the edge says

	hop.Extensions

	opening sync.Mutex // one registration at a time looks for its session and makes it; taken before a session's lock
	table   *table.Table[proto.SessionID, netip.Addr, *Session]
	waiting *waiting
}

// New returns an empty table over sockets of its own. Run must be called for answers to arrive, and
// frees everything.
func New(sys Sockets, cfg Config) *Sessions {
	if cfg.MaxSessions == 0 {
		cfg.MaxSessions = MaxSessions
	}
	if cfg.MaxPerClient == 0 {
		cfg.MaxPerClient = MaxPerClient
	}
	t := &Sessions{cfg: cfg, sys: sys, waiting: newWaiting()}
	t.table = table.New[proto.SessionID, netip.Addr](table.Config[proto.SessionID, *Session]{
		Max: cfg.MaxSessions, MaxPerOwner: cfg.MaxPerClient, Tentative: true, OnEvict: t.evicted,
	})
	return t
}

// Len returns how many sessions live now.
func (t *Sessions) Len() int { return t.table.Len() }

// LimitIdle takes what an edge says of the idle time of sessions (proto.Config.IdleSeconds); it
// holds for those that are registered from now on. The clients' wishes cannot exceed it.
func (t *Sessions) LimitIdle(seconds uint16) { t.idle.Store(uint32(seconds)) }

// Run receives and expires until ctx ends, then frees all sockets. Never nil.
func (t *Sessions) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var all sync.WaitGroup
	all.Go(func() { t.expireAll(ctx) })
	all.Go(func() { t.advanceAll(ctx) })
	err := t.sys.Run(ctx)
	cancel(err)
	all.Wait()
	t.table.Range(func(id proto.SessionID, _ netip.Addr, s *Session) bool {
		t.table.Delete(id)
		t.close(s)
		return true
	})
	t.sys.Close()
	return err
}

func (t *Sessions) expireAll(ctx context.Context) {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			t.table.Expire(now)
		}
	}
}

// evicted ends a session that is idle, or that makes room for another (it has never been answered,
// or its client has most of a full table), and tells the client: its next packet registers it
// again.
func (t *Sessions) evicted(id proto.SessionID, s *Session, why packet.Reason) {
	if why == packet.Superseded {
		t.cfg.Back.Count(why)
	}
	t.close(s)
	t.tell(s.src.Addr(), proto.UDPEvent{Kind: proto.EventClosed, Session: id})
}

func (t *Sessions) close(s *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.forgetHeld(s)
	if s.sock != nil {
		s.sock.Close()
		s.sock = nil
	}
}

// Register opens the session r where it does not exist, says so to the client and sends its first
// payload with the given TTL.
func (t *Sessions) Register(r *proto.UDPRegistration, ttl uint8) packet.Verdict {
	s, v := t.find(r)
	if v.Reason != packet.OK {
		return v
	}
	t.tell(s.src.Addr(), proto.UDPEvent{Kind: proto.EventRegistered, Session: s.id, Tag: r.Tag})
	return t.Send(s, ttl, &proto.UDPPayload{
		Session: s.id, Tag: r.Tag, TTL: r.TTL, Class: r.Class, DF: r.DF, Payload: r.Payload,
	})
}

// find returns the session of a registration, a new one where there is none.
func (t *Sessions) find(r *proto.UDPRegistration) (*Session, packet.Verdict) {
	t.opening.Lock()
	defer t.opening.Unlock()
	now := time.Now()
	if s, ok := t.table.Touch(now, r.Session); ok {
		if s.src != r.Src || s.dst != r.Dst {
			return nil, packet.Verdict{Reason: packet.Spoofed}
		}
		return s, packet.Verdict{}
	}
	s := &Session{id: r.Session, src: r.Src, dst: r.Dst, idle: hop.SessionIdle(r.Idle, uint16(t.idle.Load())), began: now, of: t, ring: newRing()}
	s.kept = s.idle
	if reason := t.table.Add(now, s.id, s.src.Addr(), s, s.idle); reason != packet.OK {
		// RFC 6888 REQ-8: out of resources, say host unreachable
		return nil, packet.Verdict{Reason: reason, Answer: packet.HostUnreachable}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var v packet.Verdict
	if s.sock, v = t.sys.Open(s); v.Reason != packet.OK {
		s.sock = nil
		t.table.Delete(s.id)
	}
	return s, v
}

// Session returns a registered session and uses it; false for none.
func (t *Sessions) Session(id proto.SessionID) (*Session, bool) { return t.table.Touch(time.Now(), id) }

// Client returns whose session id is, the zero address where there is none.
func (t *Sessions) Client(id proto.SessionID) netip.Addr {
	s, ok := t.table.Get(id)
	if !ok {
		return netip.Addr{}
	}
	return s.src.Addr()
}

// Send sends the client's payload p of s into this host's network with the given TTL, at once or
// when it can be told apart from others (hold.go). It is remembered with the TTL that it has in p.
func (t *Sessions) Send(s *Session, ttl uint8, p *proto.UDPPayload) packet.Verdict {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.traffic.Sent()
	t.keep(s, now)
	if s.mustWait(p, now) {
		return packet.Verdict{Reason: t.hold(s, ttl, p)}
	}
	v := s.send(now, ttl, p)
	s.advance(now) // sending reads errors, too
	return v
}

// received notes a packet of the origin; s is locked.
func (t *Sessions) received(s *Session) {
	now := time.Now()
	if !s.traffic.Answered() {
		t.table.Confirm(s.id)
	}
	s.traffic.Received()
	s.ring.replied = now.Sub(s.began)
	t.cfg.Host.Heard(s.dst.Addr(), s.dst.Addr())
	if !t.keep(s, now) {
		t.table.Touch(now, s.id)
	}
}

// keep gives s the idle time that its traffic asks for. False: it has it; s is locked.
func (t *Sessions) keep(s *Session, now time.Time) bool {
	idle := s.traffic.Idle(s.dst.Port(), s.idle)
	if idle == s.kept {
		return false
	}
	s.kept = idle
	t.table.SetIdle(now, s.id, idle)
	return true
}

// EndClient ends the sessions of a client whose device has ended. Nobody is left to be told.
func (t *Sessions) EndClient(client netip.Addr) {
	t.opening.Lock() // one that is half made has no socket yet
	defer t.opening.Unlock()
	for _, s := range t.table.DeleteOwner(client) {
		t.close(s)
	}
}

// Closed ends a session on the edge's order: policy.
func (t *Sessions) Closed(id proto.SessionID) packet.Reason {
	s, ok := t.table.Delete(id)
	if !ok {
		return packet.UnknownSession
	}
	t.close(s)
	return packet.OK
}
