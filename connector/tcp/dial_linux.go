package tcp

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/sock"
	"github.com/oneping/oneping/proto/packet"
)

// A connecting Linux TCP socket with IP_RECVERR fails within milliseconds of an
// ICMP error about its SYN and keeps it on the error queue: offender, type, code, TTL,
// MTU. A reset leaves no entry there. An error alone is pending then, which the
// runtime's poller cannot wait for: the connection is handed to package net only when it
// stands. Calls and their documented errors:
//
//	socket(2)  EMFILE, ENFILE, ENOBUFS; EAFNOSUPPORT: no IPv6
//	connect(2) EINPROGRESS; at once: ENETUNREACH, EHOSTUNREACH, EACCES, EADDRNOTAVAIL (no free port)
//	SO_ERROR   ECONNREFUSED: reset; ETIMEDOUT: silence; EHOSTUNREACH and others: read the queue

// kernel makes connections of this machine.
type kernel struct{ poller *sock.Poller }

// Kernel returns the sockets of this machine.
func Kernel() (Sockets, error) {
	p, err := sock.NewPoller()
	if err != nil {
		return nil, fmt.Errorf("open TCP dialer: %w", err)
	}
	return &kernel{poller: p}, nil
}

func (k *kernel) Run(ctx context.Context) error {
	err := k.poller.Run(ctx)
	k.poller.Close()
	return err
}

// Dial connects. An error means that ctx ended first or that nothing came.
func (k *kernel) Dial(ctx context.Context, t Target) (Outcome, error) {
	fd, err := openFor(t)
	if err != nil {
		return failed(err), nil
	}
	file := os.NewFile(uintptr(fd), "tcp "+t.Dst.String())
	defer func() { _ = file.Close() }() // net.FileConn works on a copy
	switch err := unix.Connect(fd, sock.Sockaddr(t.Dst)); err {
	case nil:
		return connected(file, fd, t)
	case unix.EINPROGRESS:
	default:
		return refused(fd, err)
	}
	if err := k.wait(ctx, fd); err != nil {
		return Outcome{}, err
	}
	if err := sock.ClearError(fd); err != 0 {
		return refused(fd, err)
	}
	return connected(file, fd, t)
}

// openFor returns a socket whose SYN will look as t says.
func openFor(t Target) (int, error) {
	v6 := t.Dst.Addr().Is6()
	fd, err := sock.Open(v6, unix.SOCK_STREAM, unix.IPPROTO_TCP)
	if err != nil {
		return -1, err
	}
	if err = sock.SetTTL(fd, v6, t.TTL); err == nil {
		err = sock.SetTOS(fd, v6, t.TOS)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// wait returns when fd is connected or has failed.
func (k *kernel) wait(ctx context.Context, fd int) error {
	ready := make(chan struct{}, 1)
	ticket, err := k.poller.AddWrite(fd, func(sock.Events) { ready <- struct{}{} })
	if err != nil {
		return fmt.Errorf("wait for connection: %w", err)
	}
	defer k.poller.Remove(fd, ticket)
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// failed is the outcome where no socket could be made.
func failed(err error) Outcome {
	if sock.Exhausted(err) {
		return Outcome{Verdict: packet.Verdict{Reason: packet.TableFull, Answer: packet.HostUnreachable}}
	}
	return Outcome{Verdict: sock.Verdict(err, 0)}
}

// refused looks for the reason on the error queue.
func refused(fd int, cause error) (Outcome, error) {
	m := sock.NewMessage(0, 2048)
	for {
		var e sock.QueuedError
		if m.ReadError(fd, &e) != nil {
			break
		}
		if !e.Local && e.From.IsValid() {
			heard := e.ICMP(0)
			return Outcome{Error: &heard}, nil
		}
	}
	switch cause {
	case unix.ECONNREFUSED, unix.ECONNRESET:
		return Outcome{Refused: true}, nil
	case unix.ETIMEDOUT:
		return Outcome{}, cause
	}
	return failed(cause), nil
}

// connected hands the connection to package net, from now on deaf to ICMP errors that may pass. The
// TTL stays that of the SYN: the origin may ask for it in every segment (RFC 5082), and a router
// between us sees what the client chose.
func connected(file *os.File, fd int, t Target) (Outcome, error) {
	v6 := t.Dst.Addr().Is6()
	ttl := uint8(0)
	if v6 {
		ttl = hopLimit(fd)
	}
	if err := sock.Unwatch(fd, v6); err != nil {
		return failed(err), nil
	}
	c, err := net.FileConn(file)
	if err != nil {
		return failed(err), nil
	}
	conn, ok := c.(*net.TCPConn)
	if !ok {
		_ = c.Close()
		return Outcome{Verdict: packet.Verdict{Reason: packet.SendFailed}}, nil
	}
	return Outcome{Conn: conn, TTL: ttl}, nil
}

// ipv6PktOptions is IPV6_2292PKTOPTIONS: the control messages of the last
// segment that arrived, of which the hop limit is true for the SYN-ACK.
const ipv6PktOptions = 6

// hopLimit returns the hop limit of the SYN-ACK, 0 where the kernel does not tell.
func hopLimit(fd int) uint8 {
	var b [256]byte
	n := uint32(len(b))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.IPPROTO_IPV6, ipv6PktOptions,
		uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&n)), 0)
	if errno != 0 {
		return 0
	}
	msgs, err := unix.ParseSocketControlMessage(b[:n])
	if err != nil {
		return 0
	}
	for _, m := range msgs {
		if m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_HOPLIMIT && len(m.Data) >= 4 {
			return uint8(binary.NativeEndian.Uint32(m.Data))
		}
	}
	return 0
}
