package udp

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/sock"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// A connected Linux UDP socket with IP_RECVERR gets every ICMP error about
// its packets on the error queue: offender, TTL, and our payload as quoted. No
// privilege is needed. A pending error fails the next call on the socket although
// that was in order, so the queue is drained before each send, and sender and
// reader exclude each other. Calls and their documented errors:
//
//	socket(2)  EMFILE, ENFILE, ENOBUFS; EAFNOSUPPORT: no IPv6
//	connect(2) ENETUNREACH, EHOSTUNREACH: no route; EACCES: a prohibiting route
//	sendmsg(2) the pending error of an earlier packet; EMSGSIZE, ENETUNREACH, EHOSTUNREACH, EPERM, ENOBUFS, EAGAIN
//	recvmsg(2) the pending error; EAGAIN when empty

// socket is the platform's part of a session.
type socket struct {
	fd     int // -1 when closed
	ticket sock.Ticket
	df     bool
	mtu    uint32 // of our own link, when it last refused a packet
}

// noSocket is a session's socket before open and after release.
var noSocket = socket{fd: -1}

// system is the platform's part of the table.
type system struct {
	sessions *Sessions
	poller   *sock.Poller
	msgs     sync.Pool // *sock.Message
}

func newSystem(t *Sessions) (*system, error) {
	p, err := sock.NewPoller()
	if err != nil {
		return nil, fmt.Errorf("open UDP sessions: %w", err)
	}
	return &system{sessions: t, poller: p, msgs: sync.Pool{
		New: func() any { return sock.NewMessage(proto.PayloadOverhead, sock.MaxPayload) },
	}}, nil
}

func (y *system) run(ctx context.Context) error { return y.poller.Run(ctx) }
func (y *system) close()                        { y.poller.Close() }

// open connects a socket to the session's destination; s.mu is held.
func (y *system) open(s *session) packet.Verdict {
	v6 := s.dst.Addr().Is6()
	fd, err := sock.Open(v6, unix.SOCK_DGRAM, unix.IPPROTO_UDP)
	if err != nil {
		return openVerdict(err)
	}
	err = sock.SetDF(fd, v6, false)
	if err == nil {
		err = unix.Connect(fd, sock.Sockaddr(s.dst))
	}
	var ticket sock.Ticket
	if err == nil {
		ticket, err = y.poller.Add(fd, func(e sock.Events) { y.event(s, e) })
	}
	if err != nil {
		_ = unix.Close(fd)
		return openVerdict(err)
	}
	s.sock = socket{fd: fd, ticket: ticket}
	return packet.Verdict{}
}

// openVerdict is sock.Verdict where no session could be made: without descriptors the table is full.
func openVerdict(err error) packet.Verdict {
	if sock.Exhausted(err) {
		return packet.Verdict{Reason: packet.TableFull, Answer: packet.HostUnreachable}
	}
	return sock.Verdict(err, 0)
}

// release closes the socket; s.mu is held.
func (y *system) release(s *session) {
	if s.sock.fd < 0 {
		return
	}
	y.poller.Remove(s.sock.fd, s.sock.ticket)
	_ = unix.Close(s.sock.fd)
	s.sock.fd = -1
}

// send sends one payload; s.mu is held.
func (y *system) send(s *session, ttl uint8, p *proto.UDPPayload) packet.Verdict {
	if s.sock.fd < 0 {
		return packet.Verdict{Reason: packet.Closed}
	}
	v6 := s.dst.Addr().Is6()
	if p.DF != s.sock.df {
		if err := sock.SetDF(s.sock.fd, v6, p.DF); err != nil {
			return packet.Verdict{Reason: packet.SendFailed}
		}
		s.sock.df = p.DF
	}
	m := y.msgs.Get().(*sock.Message)
	defer y.msgs.Put(m)
	err := y.sendDrained(s, m, p.Payload, sock.Send{V6: v6, TTL: ttl, TOS: p.Class})
	return sock.Verdict(err, s.sock.mtu)
}

// sendTries bounds how often a send is repeated that failed with the error of an earlier packet.
const sendTries = 8

// sendDrained drains the error queue, sends, and does both again where the
// send failed with an error that belongs to an earlier packet.
func (y *system) sendDrained(s *session, m *sock.Message, b []byte, to sock.Send) error {
	y.drain(s, m)
	err := m.SendTo(s.sock.fd, b, to)
	for range sendTries {
		if err == nil || err == unix.EAGAIN {
			return err
		}
		read, local := y.drain(s, m)
		again := m.SendTo(s.sock.fd, b, to)
		if again == err && (local || !read) {
			return err // the same twice with nothing queued by others: it is about this packet
		}
		err = again
	}
	return err
}

// event reads what a socket has for us.
func (y *system) event(s *session, e sock.Events) {
	m := y.msgs.Get().(*sock.Message)
	defer y.msgs.Put(m)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sock.fd < 0 {
		return
	}
	if e.Error {
		y.drain(s, m)
		sock.ClearError(s.sock.fd)
	}
	if e.Readable {
		y.receive(s, m)
	}
	if len(s.held) > 0 {
		y.sessions.advance(s, time.Now())
	}
}

// readBatch bounds what is read of one socket at a time, so that none starves the others.
const readBatch = 64

// receive hands on the payloads that wait; s.mu is held.
func (y *system) receive(s *session, m *sock.Message) {
	for range readBatch {
		var r sock.Received
		err := m.Receive(s.sock.fd, proto.PayloadOverhead, &r)
		if err == unix.EAGAIN {
			return
		}
		if err != nil {
			y.drain(s, m) // the pending error of an earlier packet
			continue
		}
		y.sessions.received(s)
		if reason := y.sessions.payload(s, m.Buf, &r); reason != packet.OK {
			y.sessions.cfg.Count(reason)
		}
	}
}

// payload sends what was received to the client: the header is written in front of it, in place.
func (t *Sessions) payload(s *session, buf []byte, r *sock.Received) packet.Reason {
	ttl, ok := t.backTTL(s.dst.Addr(), r.TTL)
	if !ok {
		return packet.TTLExpired
	}
	head := proto.AppendUDPPayload(buf[:0], &proto.UDPPayload{Session: s.id, TTL: ttl, Class: r.TOS})
	return t.cfg.Deliver(s.traffic.Class(len(r.Data)), buf[:len(head)+len(r.Data)])
}

// drain reads the error queue until it is empty. It says whether anything was
// there, and whether our own kernel's refusals were among it. s.mu is held.
func (y *system) drain(s *session, m *sock.Message) (read, local bool) {
	for range 4 * readBatch {
		var e sock.Report
		if m.ReadError(s.sock.fd, &e) != nil {
			return read, local
		}
		read = true
		if !e.Local && e.From.IsValid() {
			y.sessions.fail(s, &report{from: e.From, typ: e.Type, code: e.Code, ttl: e.TTL, info: e.Info, data: e.Data})
			continue
		}
		local = true
		if e.Errno == unix.EMSGSIZE {
			s.sock.mtu = e.Info
		}
	}
	return read, local
}
