//go:build !race

package udp

import (
	"net"
	"net/netip"
	"testing"

	"github.com/oneping/oneping/connector/host/hosttest"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/sock"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// counted is a way back that counts what is delivered.
type counted struct{ delivered int }

func (c *counted) Deliver(netip.Addr, link.Class, []byte) packet.Reason {
	c.delivered++
	return packet.OK
}

func (*counted) Count(packet.Reason) {}

// steady returns one pass of a session's packet path over real sockets: a payload leaves to an echo
// server, and its answer is read and delivered. Nobody else reads: there is no Run.
func steady(tb testing.TB) func() {
	echo, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { echo.Close() })
	sys, err := Kernel()
	if err != nil {
		tb.Fatal(err)
	}
	back := new(counted)
	sessions := New(sys, Config{Host: hosttest.New(self, new(packet.Counters)), Back: back})
	tb.Cleanup(sys.Close)
	dst := echo.LocalAddr().(*net.UDPAddr).AddrPort()
	s, v := sessions.find(&proto.UDPRegistration{Session: 1, Src: client, Dst: dst})
	if v.Reason != packet.OK {
		tb.Fatal(v.Reason)
	}
	tb.Cleanup(func() { sessions.close(s) })
	y, payload, buf := s.sock.(*socket), &proto.UDPPayload{Session: 1, TTL: 61, Payload: make([]byte, 1000)}, make([]byte, 2000)
	return func() {
		s, _ := sessions.Session(1)
		if v := sessions.Send(s, 60, payload); v.Reason != packet.OK {
			tb.Fatal(v.Reason)
		}
		n, from, err := echo.ReadFromUDPAddrPort(buf)
		if err == nil {
			_, err = echo.WriteToUDPAddrPort(buf[:n], from)
		}
		before := back.delivered
		y.event(sock.Events{Readable: true})
		if err != nil || back.delivered != before+1 {
			tb.Fatalf("%v, %d delivered", err, back.delivered-before)
		}
	}
}

func TestPacketPathDoesNotAllocate(t *testing.T) {
	f := steady(t)
	for range 2 * ringSize { // the session's ring fills once
		f()
	}
	if n := testing.AllocsPerRun(1000, f); n != 0 {
		t.Errorf("%v allocations for a payload and its answer, want 0", n)
	}
}

func BenchmarkPayloadAndAnswer(b *testing.B) {
	f := steady(b)
	b.ReportAllocs()
	for b.Loop() {
		f()
	}
}
