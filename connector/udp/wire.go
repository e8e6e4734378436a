package udp

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/oneping/oneping/internal/sock"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// sockets is what the table needs of a platform, or of a simulation.
type sockets interface {
	// open makes the socket of a new session; s.mu is held, as in release and send.
	open(s *session) packet.Verdict
	release(s *session)
	send(s *session, ttl uint8, p *proto.UDPPayload) packet.Verdict
	// run receives until ctx ends. Never nil.
	run(ctx context.Context) error
	close()
}

// firstPort is the lowest port of a simulated host's own.
const firstPort = 32768

// wired gives each session a port of a simulated host.
type wired struct {
	sessions *Sessions
	wire     sock.Wire

	mu     sync.Mutex
	ports  map[uint16]*session // guarded by mu
	ofSess map[*session]uint16 // guarded by mu
	next   uint16              // guarded by mu
}

func newWired(t *Sessions, w sock.Wire) *wired {
	return &wired{sessions: t, wire: w, ports: make(map[uint16]*session), ofSess: make(map[*session]uint16), next: firstPort}
}

func (w *wired) open(s *session) packet.Verdict {
	if !w.wire.Source(s.dst.Addr()).IsValid() {
		return packet.Verdict{Reason: packet.NoRoute, Answer: packet.NetUnreachable}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.ports[w.next] != nil {
		w.next = max(w.next+1, firstPort)
	}
	w.ports[w.next], w.ofSess[s] = s, w.next
	w.next = max(w.next+1, firstPort)
	return packet.Verdict{}
}

func (w *wired) release(s *session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.ports, w.ofSess[s])
	delete(w.ofSess, s)
}

func (w *wired) send(s *session, ttl uint8, p *proto.UDPPayload) packet.Verdict {
	w.mu.Lock()
	port, ok := w.ofSess[s]
	w.mu.Unlock()
	if !ok {
		return packet.Verdict{Reason: packet.Closed}
	}
	w.wire.Send(packet.AppendUDP(nil, &packet.UDPPacket{
		Src: netip.AddrPortFrom(w.wire.Source(s.dst.Addr()), port), Dst: s.dst, TTL: ttl, TOS: p.Class, DF: p.DF, Payload: p.Payload,
	}))
	return packet.Verdict{}
}

func (w *wired) run(ctx context.Context) error { return w.wire.Receive(ctx, w.receive) }
func (w *wired) close()                        {}

// receive hands on what the session's own destination, and nobody else, has
// sent: the socket of a session is connected. Errors come from anywhere.
func (w *wired) receive(b []byte) {
	var p, q packet.Packet
	if packet.Parse(b, &p) != packet.OK {
		return
	}
	switch {
	case p.Class == packet.ClassUDP:
		if s := w.find(p.DstPort, p.SrcAddrPort()); s != nil {
			w.payload(s, &p)
			w.sessions.advance(s, time.Now())
			s.mu.Unlock()
		}
	case p.Quoted(&q) && q.Class == packet.ClassUDP:
		if s := w.find(q.SrcPort, q.DstAddrPort()); s != nil {
			w.sessions.fail(s, &report{from: p.Src, typ: p.Type, code: p.Code, ttl: p.TTL, info: p.MTU(), data: q.Payload()})
			w.sessions.advance(s, time.Now())
			s.mu.Unlock()
		}
	}
}

// find returns the session with that port and destination, its mu held; nil without one.
func (w *wired) find(port uint16, dst netip.AddrPort) *session {
	w.mu.Lock()
	s := w.ports[port]
	w.mu.Unlock()
	if s == nil || s.dst != dst {
		return nil
	}
	s.mu.Lock()
	return s
}

// payload sends a received payload to the client; s.mu is held.
func (w *wired) payload(s *session, p *packet.Packet) {
	t := w.sessions
	t.received(s)
	ttl, ok := t.backTTL(p.Src, p.TTL)
	if !ok {
		t.cfg.Count(packet.TTLExpired)
		return
	}
	d := proto.AppendUDPPayload(nil, &proto.UDPPayload{Session: s.id, TTL: ttl, Class: p.TOS, Payload: p.Payload()})
	if r := t.cfg.Deliver(s.traffic.Class(len(p.Payload())), d); r != packet.OK {
		t.cfg.Count(r)
	}
}
