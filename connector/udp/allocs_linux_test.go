//go:build !race

package udp

import (
	"net"
	"net/netip"
	"testing"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/sock"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// steady returns one pass of a session's packet path over real sockets: a payload leaves to an echo server, and
// its answer is read and delivered. Nobody else reads: there is no Run.
func steady(tb testing.TB) func() {
	echo, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { echo.Close() })
	delivered := 0
	sessions, err := Open(Config{
		Forward:  func(_, _ netip.Addr, ttl uint8) (uint8, packet.Verdict) { return ttl, packet.Verdict{} },
		Reporter: func(_, _ netip.Addr, _ packet.Reason) (netip.Addr, bool) { return netip.Addr{}, false },
		Own:      func(netip.Addr) bool { return false },
		Seen:     func(netip.Addr, uint8) {},
		Answered: func(_, _ netip.Addr) {},
		Count:    func(packet.Reason) {},
		Deliver:  func(link.Class, []byte) packet.Reason { delivered++; return packet.OK },
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(sessions.sys.close)
	dst := echo.LocalAddr().(*net.UDPAddr).AddrPort()
	s, v := sessions.find(&proto.UDPRegistration{Session: 1, Src: client, Dst: dst})
	if v.Reason != packet.OK {
		tb.Fatal(v.Reason)
	}
	tb.Cleanup(func() { sessions.close(s) })
	y, payload, buf := sessions.sys.(*system), &proto.UDPPayload{Session: 1, TTL: 61, Payload: make([]byte, 1000)}, make([]byte, 2000)
	return func() {
		if r := sessions.Payload(payload); r != packet.OK {
			tb.Fatal(r)
		}
		n, from, err := echo.ReadFromUDPAddrPort(buf)
		if err == nil {
			_, err = echo.WriteToUDPAddrPort(buf[:n], from)
		}
		before := delivered
		y.event(s, sock.Events{Readable: true})
		if err != nil || delivered != before+1 {
			tb.Fatalf("%v, %d delivered", err, delivered-before)
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
