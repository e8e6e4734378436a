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
	sys  sockets
	idle atomic.Uint32 // seconds, at most: what the edge says

	opening sync.Mutex // one registration at a time looks for its session and makes it
	table   *table.Table[proto.SessionID, netip.Addr, *session]
	waiting *waiting
}

// Open returns an empty table. Run must be called for answers to arrive, and frees everything.
func Open(cfg Config) (*Sessions, error) {
	if cfg.MaxSessions == 0 {
		cfg.MaxSessions = MaxSessions
	}
	if cfg.MaxPerClient == 0 {
		cfg.MaxPerClient = MaxPerClient
	}
	t := &Sessions{cfg: cfg, waiting: newWaiting()}
	t.table = table.New[proto.SessionID, netip.Addr](table.Config[proto.SessionID, *session]{
		Max: cfg.MaxSessions, MaxPerOwner: cfg.MaxPerClient, Tentative: true, OnEvict: t.evicted,
	})
	if cfg.Wire != nil {
		t.sys = newWired(t, cfg.Wire)
		return t, nil
	}
	sys, err := newSystem(t)
	if err != nil {
		return nil, err
	}
	t.sys = sys
	return t, nil
}

// Len returns how many sessions live now.
func (t *Sessions) Len() int { return t.table.Len() }

// LimitIdle takes what an edge says of the idle time of sessions (proto.Config.IdleSeconds); it holds for those that are registered
// from now on. The clients' wishes cannot exceed it.
func (t *Sessions) LimitIdle(seconds uint16) { t.idle.Store(uint32(seconds)) }

// Run receives and expires until ctx ends, then frees all sockets. Never nil.
func (t *Sessions) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var all sync.WaitGroup
	all.Go(func() { t.expireAll(ctx) })
	all.Go(func() { t.advanceAll(ctx) })
	err := t.sys.run(ctx)
	cancel(err)
	all.Wait()
	t.table.Range(func(id proto.SessionID, _ netip.Addr, s *session) bool {
		t.table.Delete(id)
		t.close(s)
		return true
	})
	t.sys.close()
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

// evicted ends a session that is idle, or that makes room for another (it has never been answered, or its client has most of a
// full table), and tells the client: its next packet registers it again.
func (t *Sessions) evicted(id proto.SessionID, s *session, why packet.Reason) {
	if why == packet.Superseded {
		t.cfg.Count(why)
	}
	t.close(s)
	t.event(&proto.UDPEvent{Kind: proto.EventClosed, Session: id})
}

func (t *Sessions) close(s *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.forgetHeld(s)
	t.sys.release(s)
}

// Register opens the session r where it does not exist, says so to the client and sends its
// first payload. Errors about it go to the client as events; the reason is for the counters.
func (t *Sessions) Register(r *proto.UDPRegistration) packet.Reason {
	ttl, v := t.cfg.Forward(r.Src.Addr(), r.Dst.Addr(), r.TTL)
	if v.Reason != packet.OK {
		return t.answer(r.Session, r.Src, r.Dst, r.Tag, r.TTL, v)
	}
	s, v := t.find(r)
	if v.Reason != packet.OK {
		return t.answer(r.Session, r.Src, r.Dst, r.Tag, r.TTL, v)
	}
	t.event(&proto.UDPEvent{Kind: proto.EventRegistered, Session: s.id, Tag: r.Tag})
	return t.send(s, ttl, &proto.UDPPayload{
		Session: s.id, Tag: r.Tag, TTL: r.TTL, Class: r.Class, DF: r.DF, Payload: r.Payload,
	})
}

// find returns the session of a registration, a new one where there is none.
func (t *Sessions) find(r *proto.UDPRegistration) (*session, packet.Verdict) {
	t.opening.Lock()
	defer t.opening.Unlock()
	now := time.Now()
	if s, ok := t.table.Touch(now, r.Session); ok {
		if s.src != r.Src || s.dst != r.Dst {
			return nil, packet.Verdict{Reason: packet.Spoofed}
		}
		return s, packet.Verdict{}
	}
	s := &session{id: r.Session, src: r.Src, dst: r.Dst, idle: hop.SessionIdle(r.Idle, uint16(t.idle.Load())), began: now, ring: ring{replied: never}}
	s.sock, s.kept = noSocket, s.idle
	if reason := t.table.Add(now, s.id, s.src.Addr(), s, s.idle); reason != packet.OK {
		// RFC 6888 REQ-8: out of resources, say host unreachable
		return nil, packet.Verdict{Reason: reason, Answer: packet.HostUnreachable}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v := t.sys.open(s)
	if v.Reason != packet.OK {
		t.table.Delete(s.id)
	}
	return s, v
}

// Payload sends a payload of a registered session; an unknown one is answered with EventUnknown.
func (t *Sessions) Payload(p *proto.UDPPayload) packet.Reason {
	s, ok := t.table.Touch(time.Now(), p.Session)
	if !ok {
		t.event(&proto.UDPEvent{Kind: proto.EventUnknown, Session: p.Session, Tag: p.Tag})
		return packet.UnknownSession
	}
	ttl, v := t.cfg.Forward(s.src.Addr(), s.dst.Addr(), p.TTL)
	if v.Reason != packet.OK {
		return t.answer(s.id, s.src, s.dst, p.Tag, p.TTL, v)
	}
	return t.send(s, ttl, p)
}

func (t *Sessions) send(s *session, ttl uint8, p *proto.UDPPayload) packet.Reason {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.traffic.Sent()
	t.keep(s, now)
	if s.mustWait(p, now) {
		return t.hold(s, ttl, p)
	}
	v := t.sendNow(s, now, ttl, p)
	t.advance(s, now) // sending reads errors, too
	if v.Reason != packet.OK {
		return t.answer(s.id, s.src, s.dst, p.Tag, p.TTL, v)
	}
	return packet.OK
}

// sendNow remembers a packet and sends it; s.mu is held.
func (t *Sessions) sendNow(s *session, now time.Time, ttl uint8, p *proto.UDPPayload) packet.Verdict {
	s.ring.remember(now.Sub(s.began), p.Tag, p.TTL, p.Payload)
	return t.sys.send(s, ttl, p)
}

// received notes a packet of the origin; s.mu is held.
func (t *Sessions) received(s *session) {
	now := time.Now()
	if !s.traffic.Answered() {
		t.table.Confirm(s.id)
	}
	s.traffic.Received()
	s.ring.replied = now.Sub(s.began)
	t.cfg.Answered(s.dst.Addr(), s.dst.Addr())
	if !t.keep(s, now) {
		t.table.Touch(now, s.id)
	}
}

// keep gives s the idle time that its traffic asks for. False: it has it; s.mu is held.
func (t *Sessions) keep(s *session, now time.Time) bool {
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
