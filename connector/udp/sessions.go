package udp

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// Sessions is the table of live sessions. Safe for concurrent use.
type Sessions struct {
	cfg Config
	sys *system // sockets of this platform

	mu      sync.Mutex
	byID    map[proto.SessionID]*session // guarded by mu
	clients map[netip.Addr]int           // guarded by mu
}

// Open returns an empty table. Run must be called for answers to arrive, and frees everything.
func Open(cfg Config) (*Sessions, error) {
	if cfg.MaxSessions == 0 {
		cfg.MaxSessions = MaxSessions
	}
	if cfg.MaxPerClient == 0 {
		cfg.MaxPerClient = MaxPerClient
	}
	s := &Sessions{cfg: cfg, byID: make(map[proto.SessionID]*session), clients: make(map[netip.Addr]int)}
	sys, err := newSystem(s)
	if err != nil {
		return nil, err
	}
	s.sys = sys
	return s, nil
}

// Len returns how many sessions live now.
func (t *Sessions) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byID)
}

// Run receives and expires until ctx ends, then frees all sockets. Never nil.
func (t *Sessions) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.expireAll(ctx)
	}()
	err := t.sys.run(ctx)
	cancel(err)
	<-done
	for _, s := range t.takeIdle(time.Now().Add(1 << 20 * time.Second)) {
		t.close(s)
	}
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
			for _, s := range t.takeIdle(now) {
				t.close(s)
				t.event(&proto.UDPEvent{Kind: proto.EventClosed, Session: s.id})
			}
		}
	}
}

// takeIdle removes the sessions that are idle at now from the table.
func (t *Sessions) takeIdle(now time.Time) []*session {
	t.mu.Lock()
	defer t.mu.Unlock()
	var idle []*session
	for _, s := range t.byID {
		if s.expired(now) {
			t.forget(s)
			idle = append(idle, s)
		}
	}
	return idle
}

// forget takes s out of the table; mu is held.
func (t *Sessions) forget(s *session) {
	delete(t.byID, s.id)
	if t.clients[s.src.Addr()]--; t.clients[s.src.Addr()] == 0 {
		delete(t.clients, s.src.Addr())
	}
}

func (t *Sessions) close(s *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
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
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.byID[r.Session]; s != nil {
		if s.src != r.Src || s.dst != r.Dst {
			return nil, packet.Verdict{Reason: packet.Spoofed}
		}
		return s, packet.Verdict{}
	}
	client := r.Src.Addr()
	if len(t.byID) >= t.cfg.MaxSessions || t.clients[client] >= t.cfg.MaxPerClient {
		// RFC 6888 REQ-8: out of resources, say host unreachable
		return nil, packet.Verdict{Reason: packet.TableFull, Answer: packet.HostUnreachable}
	}
	s := &session{id: r.Session, src: r.Src, dst: r.Dst, idle: idleOf(r.Idle), last: time.Now()}
	if v := t.sys.open(s); v.Reason != packet.OK {
		return nil, v
	}
	t.byID[s.id] = s
	t.clients[client]++
	return s, packet.Verdict{}
}

// Payload sends a payload of a registered session; an unknown one is answered with EventUnknown.
func (t *Sessions) Payload(p *proto.UDPPayload) packet.Reason {
	t.mu.Lock()
	s := t.byID[p.Session]
	t.mu.Unlock()
	if s == nil {
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
	s.mu.Lock()
	s.last = time.Now()
	s.out++
	s.ring.remember(p.Tag, p.TTL, p.Payload)
	v := t.sys.send(s, ttl, p)
	s.mu.Unlock()
	if v.Reason != packet.OK {
		return t.answer(s.id, s.src, s.dst, p.Tag, p.TTL, v)
	}
	return packet.OK
}

// Closed ends a session on the edge's order: policy or revocation.
func (t *Sessions) Closed(id proto.SessionID) packet.Reason {
	t.mu.Lock()
	s := t.byID[id]
	if s != nil {
		t.forget(s)
	}
	t.mu.Unlock()
	if s == nil {
		return packet.UnknownSession
	}
	t.close(s)
	return packet.OK
}
