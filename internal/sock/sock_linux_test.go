package sock

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/proto/packet"
)

var loopbacks = map[string]netip.Addr{"v4": netip.MustParseAddr("127.0.0.1"), "v6": netip.IPv6Loopback()}

// bound returns a UDP socket on a loopback address, and where it is.
func bound(t *testing.T, a netip.Addr) (int, netip.AddrPort) {
	t.Helper()
	fd, err := Open(a.Is6(), unix.SOCK_DGRAM, unix.IPPROTO_UDP)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, Sockaddr(netip.AddrPortFrom(a, 0))); err != nil {
		t.Fatal(err)
	}
	at, err := LocalAddr(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fd, at
}

// ready waits until fd has an event.
func ready(t *testing.T, fd int, events int16) {
	t.Helper()
	p := []unix.PollFd{{Fd: int32(fd), Events: events}}
	if n, err := unix.Poll(p, 5000); err != nil || n != 1 {
		t.Fatalf("poll: %d, %v", n, err)
	}
}

func TestTTLAndClassCross(t *testing.T) {
	for name, a := range loopbacks {
		t.Run(name, func(t *testing.T) {
			from, fromAt := bound(t, a)
			to, toAt := bound(t, a)
			m := NewMessage(14, MaxPayload)
			for _, payload := range [][]byte{[]byte("hello"), nil, bytes.Repeat([]byte("x"), 9000)} {
				s := Send{Dst: toAt, V6: a.Is6(), TTL: 7, TOS: 0x48}
				if err := m.SendTo(from, payload, s); err != nil {
					t.Fatal(err)
				}
				ready(t, to, unix.POLLIN)
				var r Received
				if err := m.Receive(to, 14, &r); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(r.Data, payload) || r.From != fromAt || r.TTL != 7 || r.TOS != 0x48 {
					t.Errorf("got %d bytes from %v, TTL %d, class %#x", len(r.Data), r.From, r.TTL, r.TOS)
				}
			}
			if err := m.Receive(to, 14, &Received{}); err != unix.EAGAIN {
				t.Errorf("empty: %v", err)
			}
		})
	}
}

func TestErrorQueue(t *testing.T) {
	for name, a := range loopbacks {
		t.Run(name, func(t *testing.T) {
			gone, at := bound(t, a)
			_ = unix.Close(gone)
			fd, _ := bound(t, a)
			if err := unix.Connect(fd, Sockaddr(at)); err != nil {
				t.Fatal(err)
			}
			m := NewMessage(0, MaxPayload)
			if err := m.SendTo(fd, []byte("anyone?"), Send{V6: a.Is6(), TTL: 9}); err != nil {
				t.Fatal(err)
			}
			ready(t, fd, 0)
			if err := m.SendTo(fd, []byte("again"), Send{V6: a.Is6(), TTL: 9}); err != unix.ECONNREFUSED {
				t.Errorf("the pending error did not fail the next send: %v", err)
			}
			var r QueuedError
			if err := m.ReadError(fd, &r); err != nil {
				t.Fatal(err)
			}
			typ, code := packet.PortUnreachable.TypeCode(a.Is6())
			if r.Type != typ || r.Code != code || r.From != a || r.Local || r.Dst != at || r.TTL != 64 ||
				r.Errno != unix.ECONNREFUSED || string(r.Data) != "anyone?" {
				t.Errorf("report %+v", r)
			}
			if err := m.ReadError(fd, &r); err != unix.EAGAIN {
				t.Errorf("empty: %v", err)
			}
			if err := ClearError(fd); err != 0 {
				t.Errorf("still pending: %v", err)
			}
		})
	}
}

// The kernel says when it got a message, and when an error about one, where that is asked for.
func TestTimesOfReceipt(t *testing.T) {
	for name, a := range loopbacks {
		t.Run(name, func(t *testing.T) {
			to, toAt := bound(t, a)
			from, _ := bound(t, a)
			m, began := NewMessage(0, MaxPayload), time.Now().Add(-time.Second) // the clocks of kernel and process differ a little
			for _, watched := range []bool{false, true} {
				if watched && (WatchTime(to) != nil || WatchTime(from) != nil) {
					t.Fatal("the kernel does not tell times")
				}
				if err := m.SendTo(from, []byte("hello"), Send{Dst: toAt, V6: a.Is6(), TTL: 7}); err != nil {
					t.Fatal(err)
				}
				ready(t, to, unix.POLLIN)
				var r Received
				if err := m.Receive(to, 0, &r); err != nil || string(r.Data) != "hello" || r.TTL != 7 {
					t.Fatalf("%v: %+v", err, r)
				}
				if told := r.Stamp.Sec != 0; told != watched || told && time.Unix(r.Stamp.Unix()).Before(began) {
					t.Errorf("watched %v: received at %v", watched, r.Stamp)
				}
			}
			_ = unix.Shutdown(to, unix.SHUT_RDWR)
			gone, goneAt := bound(t, a)
			_ = unix.Close(gone)
			if err := m.SendTo(from, nil, Send{Dst: goneAt, V6: a.Is6(), TTL: 7}); err != nil {
				t.Fatal(err)
			}
			ready(t, from, 0)
			var e QueuedError
			if err := m.ReadError(from, &e); err != nil || time.Unix(e.Stamp.Unix()).Before(began) {
				t.Errorf("%v: an error at %v", err, e.Stamp)
			}
		})
	}
}

// A socket sends with the host's own TTL until another one is set, and says which.
func TestTTLOfASocket(t *testing.T) {
	for name, a := range loopbacks {
		fd, _ := bound(t, a)
		own, err := TTL(fd, a.Is6())
		if err != nil || own == 0 {
			t.Errorf("%s: TTL %d, %v", name, own, err)
		}
		if err := SetTTL(fd, a.Is6(), own-1); err != nil {
			t.Fatal(err)
		}
		if now, err := TTL(fd, a.Is6()); now != own-1 || err != nil {
			t.Errorf("%s: TTL %d, %v after %d was set", name, now, err, own-1)
		}
	}
}

// Transmit returns the kernel's own error, and MTU by which one a packet was refused.
func TestTransmit(t *testing.T) {
	for name, a := range loopbacks {
		fd, _ := bound(t, a)
		_, toAt := bound(t, a)
		k, m := &Socket{FD: fd, V6: a.Is6()}, NewMessage(0, MaxPayload)
		if err := SetDF(fd, a.Is6(), true); err != nil {
			t.Fatal(err)
		}
		if err := k.Transmit(m, []byte("hello"), Send{Dst: toAt, TTL: 7}, nil); err != nil || k.MTU() != 0 {
			t.Errorf("%s: %v, MTU %d", name, err, k.MTU())
		}
		if err := k.Transmit(m, make([]byte, 65536), Send{Dst: toAt, TTL: 7}, nil); err != unix.EMSGSIZE {
			t.Errorf("%s: 65536 bytes: %v", name, err)
		}
	}
}

// An address keeps its zone, by name and by number.
func TestSockaddrZone(t *testing.T) {
	for zone, want := range map[string]uint32{"": 0, "lo": 1, "7": 7, "nodev": 0} {
		sa, ok := Sockaddr(netip.AddrPortFrom(netip.MustParseAddr("fe80::1").WithZone(zone), 9)).(*unix.SockaddrInet6)
		if !ok || sa.ZoneId != want {
			t.Errorf("zone %q: %+v, want %d", zone, sa, want)
		}
	}
}

// Options that record the way go out with one message, as the kernel lets everybody do, and come in where
// they are asked for: both ends have entered themselves.
func TestOptionsCross(t *testing.T) {
	from, _ := bound(t, loopbacks["v4"])
	to, toAt := bound(t, loopbacks["v4"])
	if err := WatchOptions(to); err != nil {
		t.Fatal(err)
	}
	m := NewMessage(0, MaxPayload)
	for _, c := range []struct{ sent, got []byte }{
		{[]byte{7, 15, 8, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}, []byte{7, 15, 16, 1, 2, 3, 4, 127, 0, 0, 1, 127, 0, 0, 1, 0}},
		{nil, nil},
	} {
		if err := m.SendTo(from, []byte("hello"), Send{Dst: toAt, TTL: 9, TOS: 0x48, Options: c.sent}); err != nil {
			t.Fatal(err)
		}
		ready(t, to, unix.POLLIN)
		var r Received
		if err := m.Receive(to, 0, &r); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(r.Options, c.got) || r.TTL != 9 || r.TOS != 0x48 || string(r.Data) != "hello" {
			t.Errorf("%x came as %x, TTL %d, class %#x", c.sent, r.Options, r.TTL, r.TOS)
		}
	}
}

// An extension (RFC 4884) is cut off what is quoted, where the kernel says that it begins.
func TestErrorWithExtension(t *testing.T) {
	const extension = "\x20\x00\xc4\x13\x00\x0c\x01\x01\x05\xdc\x14\x01\x00\x01\x01\x01"
	for _, c := range []struct {
		family string
		typ    uint8
		data   int // bytes quoted behind the headers of IP and UDP
		at     int // what the kernel says
		quoted uint8
	}{
		{"v4", packet.TypeTimeExceeded, 100, 100, 32}, // words of 4 bytes
		{"v4", packet.TypeTimeExceeded, 100, 0, 0},
		{"v6", packet.Type6TimeExceeded, 80, 80, 16}, // words of 8 bytes
	} {
		from := loopbacks[c.family]
		r := QueuedError{
			Data: append(make([]byte, c.data), extension...), From: from, Type: c.typ, TTL: 9, extension: c.at,
		}
		want := packet.Error{Src: from, Type: c.typ, TTL: 9, Extension: packet.Extension{Raw: extension, Quoted: c.quoted}}
		if got := r.ICMP(8); got != want || len(r.Data) != c.data {
			t.Errorf("%s at %d: %+v behind %d bytes, want %+v", c.family, c.at, got, len(r.Data), want)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	from, _ := bound(t, loopbacks["v4"])
	to, toAt := bound(t, loopbacks["v4"])
	m, payload := NewMessage(0, MaxPayload), []byte("hello")
	var r Received
	var e QueuedError
	n := testing.AllocsPerRun(200, func() {
		_ = m.SendTo(from, payload, Send{Dst: toAt, TTL: 9})
		_ = m.ReadError(from, &e)
		_ = m.Receive(to, 0, &r)
	})
	if n != 0 {
		t.Errorf("%v allocations for a send, a look at the error queue and a receive", n)
	}
}

func TestPollerWakesForAnErrorAlone(t *testing.T) {
	p, err := NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- p.Run(ctx) }()

	gone, at := bound(t, loopbacks["v4"])
	_ = unix.Close(gone)
	fd, _ := bound(t, loopbacks["v4"])
	if err := unix.Connect(fd, Sockaddr(at)); err != nil {
		t.Fatal(err)
	}
	woken := make(chan Events, 100)
	m := NewMessage(0, MaxPayload)
	ticket, err := p.Add(fd, func(e Events) {
		var r QueuedError
		for m.ReadError(fd, &r) == nil {
		}
		ClearError(fd)
		woken <- e
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := NewMessage(0, 0).SendTo(fd, []byte("anyone?"), Send{TTL: 9}); err != nil {
		t.Fatal(err)
	}
	select {
	case e := <-woken:
		if !e.Error || e.Readable {
			t.Errorf("events %+v, want the error alone", e)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("not woken")
	}
	p.Remove(fd, ticket)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
	p.Close()
	p.Close() // twice is fine
	if _, err := p.Add(fd, func(Events) {}); err == nil {
		t.Error("a closed poller took a socket")
	}
}

func TestVerdicts(t *testing.T) {
	for err, want := range map[error]packet.Verdict{
		nil:              {},
		unix.EAGAIN:      {Reason: packet.NoBuffers},
		unix.ENOBUFS:     {Reason: packet.NoBuffers, Answer: packet.HostUnreachable},
		unix.EINVAL:      {Reason: packet.NoBuffers, Answer: packet.HostUnreachable},
		unix.ENETUNREACH: {Reason: packet.NoRoute, Answer: packet.NetUnreachable},
		unix.EHOSTUNREACH: {
			Reason: packet.Unreachable, Answer: packet.HostUnreachable,
		},
		unix.EACCES:   {Reason: packet.Forbidden, Answer: packet.AdminProhibited},
		unix.EMSGSIZE: {Reason: packet.TooLarge, Answer: packet.TooBig, MTU: 1500},
		unix.EIO:      {Reason: packet.SendFailed},
	} {
		if got := Verdict(err, 1500); got != want {
			t.Errorf("%v: %+v, want %+v", err, got, want)
		}
	}
	if got := Verdict(unix.EMSGSIZE, 0); got.Answer != packet.NoError {
		t.Errorf("too large by an unknown MTU is answered with %v", got)
	}
	if !Exhausted(errors.Join(errors.New("open"), unix.EMFILE)) || Exhausted(unix.EACCES) {
		t.Error("Exhausted")
	}
}
