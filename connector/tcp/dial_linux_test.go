package tcp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/sock"
)

// running returns sockets whose poller runs until the test ends.
func running(t *testing.T) Sockets {
	t.Helper()
	y, err := Kernel()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- y.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("run: %v", err)
		}
	})
	return y
}

// listening returns a listening socket with a backlog.
func listening(t *testing.T, a netip.Addr, backlog int) (int, netip.AddrPort) {
	t.Helper()
	family := unix.AF_INET
	if a.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := errors.Join(unix.Bind(fd, sock.Sockaddr(netip.AddrPortFrom(a, 0))), unix.Listen(fd, backlog)); err != nil {
		t.Fatal(err)
	}
	at, err := sock.LocalAddr(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fd, at
}

func TestDialConnects(t *testing.T) {
	y := running(t)
	for _, a := range []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()} {
		_, at := listening(t, a, 5)
		o, err := y.Dial(t.Context(), Target{Dst: at, TTL: 3, TOS: 0x48})
		if err != nil || o.Conn == nil {
			t.Fatalf("%v: %+v, %v", a, o, err)
		}
		if want := (map[bool]uint8{true: 64, false: 0})[a.Is6()]; o.TTL != want { // IPv4 does not tell
			t.Errorf("%v: TTL of the SYN-ACK %d, want %d", a, o.TTL, want)
		}
		raw, err := o.Conn.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var ttl int
		err = raw.Control(func(fd uintptr) {
			if a.Is6() {
				ttl, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS)
			} else {
				ttl, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL)
			}
		})
		if err != nil || ttl != 3 {
			t.Errorf("%v: TTL %d, %v; want that of the SYN", a, ttl, err)
		}
		var errs int
		err = raw.Control(func(fd uintptr) {
			if a.Is6() {
				errs, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVERR)
			} else {
				errs, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVERR)
			}
		})
		if err != nil || errs != 0 {
			t.Errorf("%v: error queue %d, %v: any ICMP error ends the connection", a, errs, err)
		}
		e := newEndpoint(o.Conn)
		if on, err := option(e, unix.SOL_SOCKET, unix.SO_KEEPALIVE); err != nil || on != 0 {
			t.Errorf("%v: keep-alives %d, %v: nobody asked for them", a, on, err)
		}
		wantOptions(t, e, a.Is6())
		e.Abort()
		e.Abort() // twice is fine
	}
}

// wantOptions lets a connection follow the wishes of its client, and looks at its socket.
func wantOptions(t *testing.T, e *endpoint, v6 bool) {
	t.Helper()
	e.SetClass(0xb8)
	e.KeepAlive(90 * time.Second)
	type opt struct{ level, name, want int }
	class := opt{unix.IPPROTO_IP, unix.IP_TOS, 0xb8}
	if v6 {
		class = opt{unix.IPPROTO_IPV6, unix.IPV6_TCLASS, 0xb8}
	}
	for _, o := range []opt{
		class,
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 90},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 75},
	} {
		if got, err := option(e, o.level, o.name); err != nil || got != o.want {
			t.Errorf("v6 %v: option %d/%d is %d, %v; want %d", v6, o.level, o.name, got, err, o.want)
		}
	}
	for idle, want := range map[time.Duration]int{0: 1, 20 * time.Second: 20, 20 * time.Hour: 32767} {
		e.KeepAlive(idle)
		if got, err := option(e, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE); err != nil || got != want {
			t.Errorf("v6 %v: idle for %v is %d, %v; want %d", v6, idle, got, err, want)
		}
	}
}

// option reads a socket option of a connection.
func option(e *endpoint, level, name int) (v int, err error) {
	e.control(func(fd int) { v, err = unix.GetsockoptInt(fd, level, name) })
	return v, err
}

func TestDialRefused(t *testing.T) {
	y := running(t)
	for _, a := range []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()} {
		fd, at := listening(t, a, 1)
		_ = unix.Close(fd)
		if o, err := y.Dial(t.Context(), Target{Dst: at, TTL: 64}); err != nil || !o.Refused {
			t.Errorf("%v: %+v, %v", a, o, err)
		}
	}
}

func TestDialGivesUp(t *testing.T) {
	y := running(t)
	_, at := listening(t, netip.MustParseAddr("127.0.0.1"), 0)
	first, err := net.Dial("tcp", at.String()) // fills the backlog: further SYNs are dropped
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if o, err := y.Dial(ctx, Target{Dst: at, TTL: 64}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%+v, %v", o, err)
	}
}
