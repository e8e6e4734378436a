//go:build !race

package icmp

import (
	"errors"
	"net/netip"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/connector/host/hosttest"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/sock"
	"github.com/oneping/oneping/proto/packet"
)

// ownNetwork moves this goroutine into a network namespace of its own, whose loopback answers pings
// and in which ping sockets are open. Its thread ends with it.
func ownNetwork(tb testing.TB) {
	tb.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); errors.Is(err, unix.EPERM) {
		tb.Skip("needs root to make a network namespace")
	} else if err != nil {
		tb.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		tb.Fatal(err)
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ping_group_range", []byte("0 2147483647"), 0); err != nil {
		tb.Fatal(err)
	}
}

// counted is a way back that counts what is delivered, and fails where anything else is counted.
type counted struct {
	tb        testing.TB
	delivered int
}

func (c *counted) Deliver(netip.Addr, link.Class, []byte) packet.Reason {
	c.delivered++
	return packet.OK
}

func (c *counted) Count(r packet.Reason) { c.tb.Error(r) }

// steady returns one pass of the packet path over a real ping socket: an echo request leaves to the
// loopback, and the kernel's reply is read, matched and delivered. Nobody else reads: there is no
// Run.
func steady(tb testing.TB, v6 bool) func() {
	tb.Helper()
	ownNetwork(tb)
	t, err := newPing()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(t.Close)
	src, dst := alice4, netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if v6 {
		src, dst = alice6, netip.IPv6Loopback()
	}
	back := &counted{tb: tb}
	n := New(t, Config{Host: hosttest.New(self4, new(packet.Counters)), Back: back})
	p := echoOf(tb, packet.Echo{Src: src, Dst: dst, Ident: 7, Seq: 1, Payload: make([]byte, 56)})
	out, reason := n.admit(&p)
	if reason != packet.OK {
		tb.Fatal(reason)
	}
	tb.Cleanup(func() { t.Release(out) })
	s := t.sockets[out]
	ready := []unix.PollFd{{Fd: int32(s.sock.FD), Events: unix.POLLIN}}
	return func() {
		if v := n.Send(&p, 64); v.Reason != packet.OK {
			tb.Fatal(v.Reason)
		}
		before := back.delivered
		if _, err := unix.Poll(ready, 5000); err != nil && err != unix.EINTR {
			tb.Fatal(err)
		}
		s.event(sock.Events{Readable: true})
		if back.delivered != before+1 {
			tb.Fatalf("%d replies delivered", back.delivered-before)
		}
	}
}

func TestPacketPathDoesNotAllocate(t *testing.T) {
	for name, v6 := range map[string]bool{"IPv4": false, "IPv6": true} {
		t.Run(name, func(t *testing.T) {
			f := steady(t, v6)
			for range 2 * ringSize { // the mapping's ring fills once
				f()
			}
			if n := testing.AllocsPerRun(1000, f); n != 0 {
				t.Errorf("%v allocations for an echo request and its reply, want 0", n)
			}
		})
	}
}

func BenchmarkRequestAndReply(b *testing.B) {
	for name, v6 := range map[string]bool{"IPv4": false, "IPv6": true} {
		b.Run(name, func(b *testing.B) {
			f := steady(b, v6)
			for range 2 * ringSize {
				f()
			}
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}
