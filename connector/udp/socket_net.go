//go:build !linux

package udp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// Without an error queue a connected UDP socket tells little: macOS reports a
// closed port as ECONNREFUSED and some unreachables as EHOSTUNREACH, by the next
// call on the socket and without saying who; Windows, through package net, nothing. Routers
// behind this connector therefore do not show as hops for UDP probes there.
// TTL, class and DF are socket options that hold for the sends that follow; the
// sender of a session has it to itself, so each packet has its own. macOS reports the TTL of
// what arrives, Windows does not. Calls and their documented errors:
//
//	socket, connect  EMFILE, ENOBUFS, ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL
//	setsockopt       ENOPROTOOPT, EINVAL
//	send             EMSGSIZE, ENOBUFS, ENETUNREACH, EHOSTUNREACH, EHOSTDOWN, ECONNREFUSED (an earlier packet's)
//	recv             ECONNREFUSED, EHOSTUNREACH (an earlier packet's)

// socket is the platform's part of a session.
type socket struct {
	conn    *net.UDPConn
	ttl     int
	tos     int
	df      bool
	ttlSeen func(b []byte) (n int, ttl uint8, err error) // reads
}

// noSocket is a session's socket before open and after release.
var noSocket socket

// system is the platform's part of the table: a reader for each session.
type system struct {
	sessions *Sessions
	readers  sync.WaitGroup
}

func newSystem(t *Sessions) (*system, error) { return &system{sessions: t}, nil }

func (y *system) run(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func (y *system) close() { y.readers.Wait() }

// open connects a socket to the session's destination; s.mu is held.
func (y *system) open(s *session) packet.Verdict {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(s.dst))
	if err != nil {
		return verdict(err)
	}
	s.sock = socket{conn: conn, ttl: -1, tos: -1, ttlSeen: reader(conn, s.dst.Addr())}
	y.readers.Go(func() { y.receive(s, conn, s.sock.ttlSeen) })
	return packet.Verdict{}
}

// reader returns a function that reads one payload and, where the system tells, its TTL.
func reader(conn *net.UDPConn, dst netip.Addr) func(b []byte) (int, uint8, error) {
	if dst.Is6() {
		p := ipv6.NewPacketConn(conn)
		_ = p.SetControlMessage(ipv6.FlagHopLimit, true) // not on Windows
		return func(b []byte) (int, uint8, error) {
			n, cm, _, err := p.ReadFrom(b)
			if cm == nil {
				return n, 0, err
			}
			return n, uint8(cm.HopLimit), err
		}
	}
	p := ipv4.NewPacketConn(conn)
	_ = p.SetControlMessage(ipv4.FlagTTL, true) // not on Windows
	return func(b []byte) (int, uint8, error) {
		n, cm, _, err := p.ReadFrom(b)
		if cm == nil {
			return n, 0, err
		}
		return n, uint8(cm.TTL), err
	}
}

// release closes the socket, which ends its reader; s.mu is held.
func (y *system) release(s *session) {
	if s.sock.conn != nil {
		_ = s.sock.conn.Close()
	}
	s.sock = noSocket
}

// send sends one payload; s.mu is held.
func (y *system) send(s *session, ttl uint8, p *proto.UDPPayload) packet.Verdict {
	conn := s.sock.conn
	if conn == nil {
		return packet.Verdict{Reason: packet.Closed}
	}
	if err := s.sock.set(s.dst.Addr().Is6(), int(ttl), int(p.Class), p.DF); err != nil {
		return packet.Verdict{Reason: packet.SendFailed}
	}
	_, err := conn.Write(p.Payload)
	if errors.Is(err, syscall.ECONNREFUSED) {
		y.refused(s) // an earlier packet's; this one has not left
		_, err = conn.Write(p.Payload)
	}
	return verdict(err)
}

// set makes the socket send like this, where it does not yet.
func (k *socket) set(v6 bool, ttl, tos int, df bool) error {
	var err error
	if ttl != k.ttl {
		if v6 {
			err = ipv6.NewConn(k.conn).SetHopLimit(ttl)
		} else {
			err = ipv4.NewConn(k.conn).SetTTL(ttl)
		}
	}
	if err != nil {
		return err
	}
	if tos != k.tos { // best effort: Windows leaves it to policies
		if v6 {
			_ = ipv6.NewConn(k.conn).SetTrafficClass(tos)
		} else {
			_ = ipv4.NewConn(k.conn).SetTOS(tos)
		}
	}
	if df != k.df && !v6 {
		_ = setDF(k.conn, df) // best effort: not before macOS 11
	}
	k.ttl, k.tos, k.df = ttl, tos, df
	return nil
}

// verdict says what a failed call means for the one who asked. Windows' own
// numbers (winsock2.h) stand beside the names, which are inventions of package syscall there.
func verdict(err error) packet.Verdict {
	is := func(name, number syscall.Errno) bool {
		var e syscall.Errno
		return errors.Is(err, name) || errors.As(err, &e) && e == number
	}
	switch {
	case err == nil:
		return packet.Verdict{}
	case is(syscall.EMFILE, 10024), is(syscall.ENFILE, 10024):
		return packet.Verdict{Reason: packet.TableFull, Answer: packet.HostUnreachable}
	case is(syscall.ENETUNREACH, 10051), is(syscall.EADDRNOTAVAIL, 10049):
		return packet.Verdict{Reason: packet.NoRoute, Answer: packet.NetUnreachable}
	case is(syscall.EHOSTUNREACH, 10065):
		return packet.Verdict{Reason: packet.Unreachable, Answer: packet.HostUnreachable}
	case is(syscall.EACCES, 10013), is(syscall.EPERM, 10013):
		return packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}
	case is(syscall.ENOBUFS, 10055):
		return packet.Verdict{Reason: packet.NoBuffers}
	case is(syscall.EMSGSIZE, 10040):
		return packet.Verdict{Reason: packet.TooLarge}
	}
	return packet.Verdict{Reason: packet.SendFailed}
}

// receive hands on what comes until the socket is closed.
func (y *system) receive(s *session, conn *net.UDPConn, read func([]byte) (int, uint8, error)) {
	buf := make([]byte, proto.PayloadOverhead+1<<16)
	for {
		n, ttl, err := read(buf[proto.PayloadOverhead:])
		s.mu.Lock()
		if s.sock.conn != conn { // closed
			s.mu.Unlock()
			return
		}
		switch {
		case err == nil:
			y.payload(s, buf, n, ttl)
		case errors.Is(err, syscall.ECONNREFUSED):
			y.refused(s)
		case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
			y.sessions.cfg.Count(packet.Unreachable) // by whom is not said
		case errors.Is(err, net.ErrClosed):
			s.mu.Unlock()
			return
		}
		y.sessions.advance(s, time.Now())
		s.mu.Unlock()
	}
}

// payload sends what was received to the client; s.mu is held.
func (y *system) payload(s *session, buf []byte, n int, seen uint8) {
	y.sessions.received(s)
	ttl, ok := y.sessions.backTTL(s.dst.Addr(), seen)
	if !ok {
		y.sessions.cfg.Count(packet.TTLExpired)
		return
	}
	head := proto.AppendUDPPayload(buf[:0], &proto.UDPPayload{Session: s.id, TTL: ttl})
	if r := y.sessions.cfg.Deliver(s.traffic.Class(n), buf[:len(head)+n]); r != packet.OK {
		y.sessions.cfg.Count(r)
	}
}

// refused: the destination itself said port unreachable; s.mu is held.
func (y *system) refused(s *session) {
	typ, code := packet.PortUnreachable.TypeCode(s.dst.Addr().Is6())
	y.sessions.fail(s, &report{from: s.dst.Addr(), typ: typ, code: code})
}
