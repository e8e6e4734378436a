//go:build !linux

package udp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"

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
//	send             EMSGSIZE, ENOBUFS, ENETUNREACH, EHOSTUNREACH, EHOSTDOWN,
//	                 ECONNREFUSED (an earlier packet's)
//	recv             ECONNREFUSED, EHOSTUNREACH (an earlier packet's)

// kernel makes sockets of this machine, with a reader for each.
type kernel struct{ readers sync.WaitGroup }

// Kernel returns the sockets of this machine.
func Kernel() (Sockets, error) { return new(kernel), nil }

func (k *kernel) Run(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func (k *kernel) Close() { k.readers.Wait() }

// Open connects a socket to the session's destination.
func (k *kernel) Open(s *Session) (Socket, packet.Verdict) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(s.dst))
	if err != nil {
		return nil, verdictOf(err)
	}
	y := &socket{session: s, conn: conn, v6: s.dst.Addr().Is6(), ttl: -1, tos: -1}
	k.readers.Go(func() { y.receive(reader(conn, s.dst.Addr())) })
	return y, packet.Verdict{}
}

// socket is the connected socket of a session, and guarded by its lock.
type socket struct {
	session  *Session
	conn     *net.UDPConn
	v6       bool
	closed   bool
	ttl, tos int // of what is sent; -1 = not set yet
	df       bool
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

// Close closes the socket, which ends its reader.
func (y *socket) Close() {
	y.closed = true
	_ = y.conn.Close()
}

// Send sends one payload.
func (y *socket) Send(d Datagram) packet.Verdict {
	if err := y.set(int(d.TTL), int(d.TOS), d.DF); err != nil {
		return packet.Verdict{Reason: packet.SendFailed}
	}
	_, err := y.conn.Write(d.Payload)
	if errors.Is(err, syscall.ECONNREFUSED) {
		y.refused() // an earlier packet's; this one has not left
		_, err = y.conn.Write(d.Payload)
	}
	return verdictOf(err)
}

// set makes the socket send like this, where it does not yet.
func (y *socket) set(ttl, tos int, df bool) error {
	var err error
	if ttl != y.ttl {
		if y.v6 {
			err = ipv6.NewConn(y.conn).SetHopLimit(ttl)
		} else {
			err = ipv4.NewConn(y.conn).SetTTL(ttl)
		}
	}
	if err != nil {
		return err
	}
	if tos != y.tos { // best effort: Windows leaves it to policies
		if y.v6 {
			_ = ipv6.NewConn(y.conn).SetTrafficClass(tos)
		} else {
			_ = ipv4.NewConn(y.conn).SetTOS(tos)
		}
	}
	if df != y.df && !y.v6 {
		_ = setDF(y.conn, df) // best effort: not before macOS 11
	}
	y.ttl, y.tos, y.df = ttl, tos, df
	return nil
}

// verdictOf says what a failed call means for the one who asked. Windows' own
// numbers (winsock2.h) stand beside the names, which are inventions of package syscall there.
func verdictOf(err error) packet.Verdict {
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
func (y *socket) receive(read func([]byte) (int, uint8, error)) {
	buf := make([]byte, proto.PayloadOverhead+1<<16)
	for {
		n, ttl, err := read(buf[proto.PayloadOverhead:])
		if !y.take(buf, n, ttl, err) {
			return
		}
	}
}

// take hands on one payload, or what was read instead; false when the socket has been closed.
func (y *socket) take(buf []byte, n int, ttl uint8, err error) bool {
	y.session.Lock()
	defer y.session.Unlock()
	switch {
	case y.closed, errors.Is(err, net.ErrClosed):
		return false
	case err == nil:
		y.session.Received(buf, n, ttl, 0)
	case errors.Is(err, syscall.ECONNREFUSED):
		y.refused()
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		y.session.Lost(packet.Unreachable) // by whom is not said
	}
	y.session.Advance()
	return true
}

// refused: the destination itself said port unreachable.
func (y *socket) refused() {
	typ, code := packet.PortUnreachable.TypeCode(y.v6)
	y.session.Failed(packet.Error{Src: y.session.Dst().Addr(), Type: typ, Code: code}, nil)
}
