package udp

import (
	"context"
	"fmt"
	"sync"

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
//	sendmsg(2) the pending error of an earlier packet; EMSGSIZE, ENETUNREACH, EHOSTUNREACH,
//	           EPERM, ENOBUFS, EAGAIN
//	recvmsg(2) the pending error; EAGAIN when empty

// kernel makes sockets of this machine.
type kernel struct {
	poller *sock.Poller
	msgs   sync.Pool // *sock.Message
}

// Kernel returns the sockets of this machine.
func Kernel() (Sockets, error) {
	p, err := sock.NewPoller()
	if err != nil {
		return nil, fmt.Errorf("open UDP sessions: %w", err)
	}
	return &kernel{poller: p, msgs: sync.Pool{
		New: func() any { return sock.NewMessage(proto.PayloadOverhead, sock.MaxPayload) },
	}}, nil
}

func (k *kernel) Run(ctx context.Context) error { return k.poller.Run(ctx) }
func (k *kernel) Close()                        { k.poller.Close() }

// Open connects a socket to the session's destination.
func (k *kernel) Open(s *Session) (Socket, packet.Verdict) {
	v6 := s.dst.Addr().Is6()
	fd, err := sock.Open(v6, unix.SOCK_DGRAM, unix.IPPROTO_UDP)
	if err != nil {
		return nil, openVerdict(err)
	}
	y := &socket{kernel: k, session: s, Socket: sock.Socket{FD: fd, V6: v6}}
	err = sock.SetDF(fd, v6, false)
	if err == nil {
		err = unix.Connect(fd, sock.Sockaddr(s.dst))
	}
	if err == nil {
		y.ticket, err = k.poller.Add(fd, y.event)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, openVerdict(err)
	}
	return y, packet.Verdict{}
}

// openVerdict is sock.Verdict where no session could be made: without descriptors the table is
// full.
func openVerdict(err error) packet.Verdict {
	if sock.Exhausted(err) {
		return packet.Verdict{Reason: packet.TableFull, Answer: packet.HostUnreachable}
	}
	return sock.Verdict(err, 0)
}

// socket is the connected socket of a session, and guarded by its lock.
type socket struct {
	sock.Socket
	kernel  *kernel
	session *Session
	ticket  sock.Ticket
}

// Close closes the socket; its last event may still come.
func (y *socket) Close() {
	y.kernel.poller.Remove(y.FD, y.ticket)
	_ = unix.Close(y.FD)
	y.FD = -1
}

// Send sends one payload.
func (y *socket) Send(d Datagram) packet.Verdict {
	m := y.kernel.msgs.Get().(*sock.Message)
	defer y.kernel.msgs.Put(m)
	return y.Socket.Send(m, d.Payload, sock.Send{TTL: d.TTL, TOS: d.TOS}, d.DF, y)
}

// Failed takes an ICMP error off the error queue.
func (y *socket) Failed(r sock.QueuedError) {
	if !r.From.IsValid() {
		y.session.Lost(packet.Unsolicited)
		return
	}
	e := r.ICMP(8) // the UDP header
	y.session.Failed(e, r.Data)
}

// event reads what the socket has for us.
func (y *socket) event(e sock.Events) {
	m := y.kernel.msgs.Get().(*sock.Message)
	defer y.kernel.msgs.Put(m)
	y.session.Lock()
	defer y.session.Unlock()
	if y.FD < 0 {
		return
	}
	if e.Error {
		y.Drain(m, y)
		sock.ClearError(y.FD)
	}
	if e.Readable {
		y.receive(m)
	}
	y.session.Advance()
}

// readBatch bounds what is read of one socket at a time, so that none starves the others.
const readBatch = 64

// receive hands on the payloads that wait.
func (y *socket) receive(m *sock.Message) {
	for range readBatch {
		var r sock.Received
		err := m.Receive(y.FD, proto.PayloadOverhead, &r)
		if err == unix.EAGAIN {
			return
		}
		if err != nil {
			y.Drain(m, y) // the pending error of an earlier packet
			continue
		}
		y.session.Received(m.Buf, len(r.Data), r.TTL, r.TOS)
	}
}
