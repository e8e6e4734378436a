//go:build !linux

package tcp

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// Without an error queue a failed connect says what happened in one error
// number and not who said it: macOS and Windows treat ICMP errors during the handshake
// as hints and go on trying (RFC 1122 §4.2.3.9) until the time-out, unless the network or
// host is unreachable by their own routes. Windows 10 2004 and newer keep the error's source
// (TCP_ICMP_ERROR_INFO), but package net closes the socket before it can be asked. Routers
// behind this connector therefore do not show as hops for TCP probes there; the SYN
// carries the right TTL all the same. Calls and their documented errors:
//
//	socket, setsockopt EMFILE, ENOBUFS; ENOPROTOOPT, EINVAL
//	connect            ECONNREFUSED (reset), ETIMEDOUT (silence), ENETUNREACH, EHOSTUNREACH,
//	                   EADDRNOTAVAIL; on Windows WSAE…

// kernel makes connections of this machine by package net.
type kernel struct{}

// Kernel returns the sockets of this machine.
func Kernel() (Sockets, error) { return &kernel{}, nil }

func (k *kernel) Run(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// Dial connects. An error means that ctx ended first or that nothing came.
func (k *kernel) Dial(ctx context.Context, t Target) (Outcome, error) {
	v6 := t.Dst.Addr().Is6()
	d := net.Dialer{
		Timeout:       Patience,
		KeepAlive:     -1, // see newEndpoint
		FallbackDelay: -1 * time.Millisecond,
		Control: func(_, _ string, c syscall.RawConn) error {
			var serr error
			err := c.Control(func(fd uintptr) { serr = setSYN(fd, v6, t) })
			if err != nil {
				return err
			}
			return serr
		},
	}
	c, err := d.DialContext(ctx, "tcp", t.Dst.String())
	if err != nil {
		return refusal(ctx, err)
	}
	conn, ok := c.(*net.TCPConn)
	if !ok {
		_ = c.Close()
		return Outcome{Verdict: packet.Verdict{Reason: packet.SendFailed}}, nil
	}
	return Outcome{Conn: conn}, nil
}

// refusal turns the error of a connect into an outcome.
func refusal(ctx context.Context, err error) (Outcome, error) {
	switch {
	case ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT), isAny(err, winTimedOut):
		return Outcome{}, err
	case errors.Is(err, syscall.ECONNREFUSED), isAny(err, winRefused):
		return Outcome{Refused: true}, nil
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL), isAny(err, winNetUnreachable):
		return Outcome{Verdict: packet.Verdict{Reason: packet.NoRoute, Answer: packet.NetUnreachable}}, nil
	case errors.Is(err, syscall.EHOSTUNREACH), isAny(err, winHostUnreachable):
		return Outcome{Verdict: packet.Verdict{Reason: packet.Unreachable, Answer: packet.HostUnreachable}}, nil
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOBUFS):
		return Outcome{Verdict: packet.Verdict{Reason: packet.TableFull, Answer: packet.HostUnreachable}}, nil
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return Outcome{Verdict: packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}}, nil
	}
	return Outcome{Verdict: packet.Verdict{Reason: packet.SendFailed}}, nil
}

// Numbers of winsock2.h. Windows' syscall.ECONNREFUSED and its like are
// inventions of package syscall; connect fails with these.
const (
	winNetUnreachable  = syscall.Errno(10051)
	winTimedOut        = syscall.Errno(10060)
	winRefused         = syscall.Errno(10061)
	winHostUnreachable = syscall.Errno(10065)
)

func isAny(err error, want syscall.Errno) bool {
	var e syscall.Errno
	return errors.As(err, &e) && e == want
}
