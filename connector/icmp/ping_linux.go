package icmp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/sock"
	"github.com/oneping/oneping/proto/packet"
)

// Linux ping sockets (SOCK_DGRAM with IPPROTO_ICMP or IPPROTO_ICMPV6) need no
// privilege but a group inside net.ipv4.ping_group_range, for IPv6 too. The
// kernel writes the identifier (the socket's "port") into requests, delivers only
// replies that carry it, whoever sends them, and puts errors about our
// requests on the error queue with the offender's address, TTL and our packet
// from its ICMP header on. Calls and their documented errors:
//
//	socket(2)     EACCES: the group range; EAFNOSUPPORT: no IPv6
//	setsockopt(2) SO_REUSEADDR 0, before bind: else a second bind to the identifier silently
//	              takes the answers
//	bind(2)       EADDRINUSE: identifier taken
//	sendmsg(2)    the pending error of an earlier packet; EMSGSIZE, ENETUNREACH, EHOSTUNREACH,
//	              EACCES, ENOBUFS (which the kernel keeps to itself for IPv6: ping_v6_sendmsg)
//	recvmsg(2)    with MSG_ERRQUEUE, ip(7): EAGAIN when empty

// pingSockets is the transport with one ping socket for each mapping.
type pingSockets struct {
	poller *sock.Poller
	msgs   sync.Pool // *sock.Message
	nat    *NAT
	others others

	// guarded by mu, under which no other lock is taken
	mu      sync.Mutex
	sockets map[Outer]*pingSocket
}

// pingSocket is one socket.
type pingSocket struct {
	of     *pingSockets
	out    Outer
	ticket sock.Ticket

	// guarded by mu. Sender and reader exclude each other: a pending error that one of them has
	// not read fails the other's next call. The NAT takes what was read, and its lock, under it.
	mu   sync.Mutex
	sock sock.Socket // FD -1: closed
}

// newPing returns the transport where this host allows it.
func newPing() (*pingSockets, error) {
	if err := TryPing(false); err != nil {
		return nil, err
	}
	p, err := sock.NewPoller()
	if err != nil {
		return nil, err
	}
	return &pingSockets{
		poller: p, sockets: make(map[Outer]*pingSocket),
		msgs: sync.Pool{New: func() any { return sock.NewMessage(0, sock.MaxPayload) }},
	}, nil
}

// TryPing says whether this process may open a ping socket of one family.
func TryPing(v6 bool) error {
	fd, err := openPing(v6)
	if err != nil {
		return fmt.Errorf("open ping socket: %w", err)
	}
	return unix.Close(fd)
}

// TryPingAs is TryPing as another group, which root may ask for: a service may run in it.
func TryPingAs(gid int, v6 bool) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: the thread belongs to another group now and ends with this goroutine
		if err := becomeGroup(gid); err != nil {
			result <- err
			return
		}
		result <- TryPing(v6)
	}()
	return <-result
}

// becomeGroup changes the effective group of this thread alone (the C library would change all),
// and drops the others.
func becomeGroup(gid int) error {
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); errno != 0 {
		return fmt.Errorf("drop groups: %w", errno)
	}
	keep := ^uintptr(0)
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, keep, uintptr(gid), keep); errno != 0 {
		return fmt.Errorf("become group %d: %w", gid, errno)
	}
	return nil
}

func openPing(v6 bool) (int, error) {
	proto := unix.IPPROTO_ICMP
	if v6 {
		proto = unix.IPPROTO_ICMPV6
	}
	fd, err := sock.Open(v6, unix.SOCK_DGRAM, proto)
	if err == nil {
		enlarge(fd)
	}
	if err == nil && !v6 {
		if err = sock.WatchOptions(fd); err != nil {
			_ = unix.Close(fd)
		}
	}
	return fd, err
}

// enlarge gives a socket the largest buffers that the host allows (wmem_max, rmem_max): requests
// that wait for a dead neighbour stay in the send buffer for 3 s, and must not keep those to the
// living out.
func enlarge(fd int) {
	for _, opt := range [...]int{unix.SO_SNDBUF, unix.SO_RCVBUF} {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, opt, wantBuffer) // what is less works, too
	}
}

const wantBuffer = 4 << 20

func (t *pingSockets) Name() string { return string(Ping) }

// Records: ip_options_get lets everybody record the way.
func (t *pingSockets) Records() bool { return true }

// Raw: a ping socket sends echo requests of code 0 alone (ping_supported).
func (t *pingSockets) Raw() bool { return false }

// open makes a socket and binds it to the identifier want, or to any.
func (t *pingSockets) Open(v6 bool, want uint16) (uint16, error) {
	fd, err := openPing(v6)
	switch {
	case errors.Is(err, unix.EACCES): // the group range was closed meanwhile
		return 0, newOff(fmt.Errorf("open ping socket: %w", err), GroupRangeCommand())
	case err != nil:
		return 0, busy(err)
	}
	s := &pingSocket{of: t, sock: sock.Socket{FD: fd, V6: v6}, out: Outer{V6: v6}}
	if s.out.Ident, err = bindIdent(fd, v6, want); err != nil {
		_ = unix.Close(fd)
		return 0, busy(err)
	}
	if err := sock.SetDF(fd, v6, false); err != nil {
		_ = unix.Close(fd)
		return 0, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.ticket, err = t.poller.Add(fd, s.event); err != nil {
		_ = unix.Close(fd)
		return 0, busy(err)
	}
	t.sockets[s.out] = s
	return s.out.Ident, nil
}

func busy(err error) error {
	if sock.Exhausted(err) {
		return fmt.Errorf("%w: %w", errBusy, err)
	}
	return err
}

// bindIdent binds fd to the identifier want if it is free on this host, else to any.
func bindIdent(fd int, v6 bool, want uint16) (uint16, error) {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 0); err != nil {
		return 0, err
	}
	any := netip.IPv4Unspecified()
	if v6 {
		any = netip.IPv6Unspecified()
	}
	err := unix.Bind(fd, sock.Sockaddr(netip.AddrPortFrom(any, want)))
	if err == unix.EADDRINUSE {
		err = unix.Bind(fd, sock.Sockaddr(netip.AddrPortFrom(any, 0)))
	}
	if err != nil {
		return 0, err
	}
	ap, err := sock.LocalAddr(fd)
	return ap.Port(), err
}

func (t *pingSockets) Release(out Outer) {
	t.mu.Lock()
	s := t.sockets[out]
	delete(t.sockets, out)
	t.mu.Unlock()
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.poller.Remove(s.sock.FD, s.ticket)
	_ = unix.Close(s.sock.FD)
	s.sock.FD = -1
}

func (t *pingSockets) Attach(n *NAT) { t.nat = n }

func (t *pingSockets) Send(r Request) packet.Verdict {
	t.mu.Lock()
	s := t.sockets[r.Outer]
	t.mu.Unlock()
	if s == nil {
		return packet.Verdict{Reason: packet.Closed}
	}
	m := t.msgs.Get().(*sock.Message)
	defer t.msgs.Put(m)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sock.FD < 0 {
		return packet.Verdict{Reason: packet.Closed}
	}
	to := sock.Send{Dst: netip.AddrPortFrom(r.Dst, 0), TTL: r.TTL, TOS: r.TOS, Options: r.Options}
	return s.sock.Send(m, r.ICMP, to, r.DF, s)
}

// event reads what the socket has for us.
func (s *pingSocket) event(e sock.Events) {
	m := s.of.msgs.Get().(*sock.Message)
	defer s.of.msgs.Put(m)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sock.FD < 0 {
		return
	}
	if e.Error {
		s.sock.Drain(m, s)
		sock.ClearError(s.sock.FD)
	}
	if e.Readable {
		s.receive(m)
	}
}

// readBatch bounds what is read of one socket at a time, so that none starves the others.
const readBatch = 64

// receive hands on the replies that wait.
func (s *pingSocket) receive(m *sock.Message) {
	for range readBatch {
		var r sock.Received
		err := m.Receive(s.sock.FD, 0, &r)
		if err != nil {
			if err == unix.EAGAIN {
				return
			}
			s.sock.Drain(m, s) // the pending error of another packet
			continue
		}
		if len(r.Data) < 8 {
			continue
		}
		s.of.nat.reply(&reply{
			out: s.out, from: r.From.Addr(), seq: binary.BigEndian.Uint16(r.Data[6:]), code: r.Data[1],
			ttl: r.TTL, tos: r.TOS, options: r.Options, payload: r.Data[8:],
		})
	}
}

// Failed takes an ICMP error off the error queue.
func (s *pingSocket) Failed(r sock.QueuedError) {
	heard := r.ICMP(0)
	e, ok := errorAbout(s.out.V6, r.Data)
	if !ok || !r.From.IsValid() {
		s.of.nat.cfg.Back.Count(packet.Unsolicited)
		return
	}
	e.Ident, e.dst, e.Error = s.out.Ident, r.Dst.Addr(), heard
	s.of.nat.fail(&e)
}

// Alone: the kernel gives an identifier to one ping socket, but raw sockets send what they like.
func (t *pingSockets) Alone(out Outer) bool { return t.others.raw(out.V6, time.Now()) == 0 }

func (t *pingSockets) Run(ctx context.Context) error { return t.poller.Run(ctx) }

func (t *pingSockets) Close() { t.poller.Close() }
