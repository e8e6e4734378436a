//go:build !linux

package tcp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"

	"github.com/oneping/oneping/proto/packet"
)

func TestDialOnLoopback(t *testing.T) {
	y, err := Kernel()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := ln.Addr().(*net.TCPAddr).AddrPort()
	at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	o, err := y.Dial(t.Context(), Target{Dst: at, TTL: 3, TOS: 0x48})
	if err != nil || o.Conn == nil {
		t.Fatalf("%+v, %v", o, err)
	}
	newEndpoint(o.Conn).Abort()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if o, err := y.Dial(t.Context(), Target{Dst: at, TTL: 3}); err != nil || !o.Refused {
		t.Errorf("closed port: %+v, %v", o, err)
	}
}

func TestRefusal(t *testing.T) {
	dial := func(e syscall.Errno) error {
		return &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", e)}
	}
	none := packet.Verdict{Reason: packet.NoRoute, Answer: packet.NetUnreachable}
	dead := packet.Verdict{Reason: packet.Unreachable, Answer: packet.HostUnreachable}
	for _, c := range []struct {
		err  syscall.Errno
		want Outcome
	}{
		{syscall.ECONNREFUSED, Outcome{Refused: true}},
		{winRefused, Outcome{Refused: true}},
		{syscall.ENETUNREACH, Outcome{Verdict: none}},
		{winNetUnreachable, Outcome{Verdict: none}},
		{syscall.EHOSTUNREACH, Outcome{Verdict: dead}},
		{winHostUnreachable, Outcome{Verdict: dead}},
	} {
		if got, err := refusal(t.Context(), dial(c.err)); err != nil || got != c.want {
			t.Errorf("%v: %+v, %v, want %+v", c.err, got, err, c.want)
		}
	}
	for _, e := range []syscall.Errno{syscall.ETIMEDOUT, winTimedOut} {
		if _, err := refusal(t.Context(), dial(e)); err == nil {
			t.Errorf("%v: silence was answered", e)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := refusal(ctx, errors.New("gone")); err == nil {
		t.Error("the opener left and was answered")
	}
}
