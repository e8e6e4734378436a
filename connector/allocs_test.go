//go:build !race

package connector

import (
	"net/netip"
	"testing"

	"github.com/oneping/oneping/connector/icmp"
	"github.com/oneping/oneping/connector/udp"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// What an edge passes on is dispatched and sent without an allocation. The race detector makes
// pools forget on purpose, so this holds without it only.
func TestDispatchDoesNotAllocate(t *testing.T) {
	d := testDispatch(netip.MustParseAddr("172.16.10.100"))
	d.icmp.nat.Store(icmp.New(sink{}, icmp.Config{Host: d.host, Back: d.up}))
	d.udp = udp.New(udpSink{}, udp.Config{Host: d.host, Back: d.up})
	src, dst := netip.MustParseAddrPort("100.96.0.1:5000"), netip.MustParseAddrPort("172.16.10.120:7")
	payload := make([]byte, 1000)
	registration := proto.AppendUDPRegistration(nil, &proto.UDPRegistration{Session: 1, Src: src, Dst: dst, TTL: 62, Payload: payload})
	if r := d.datagram(nil, registration); r != packet.OK {
		t.Fatal(r)
	}
	for name, b := range map[string][]byte{
		"echo request": proto.AppendPacket(nil, packet.AppendEcho(nil, &packet.Echo{Src: src.Addr(), Dst: dst.Addr(), Ident: 7, TTL: 62, Payload: payload})),
		"payload":      proto.AppendUDPPayload(nil, &proto.UDPPayload{Session: 1, TTL: 62, Payload: payload}),
	} {
		pass := func() {
			d.owner(b)
			if r := d.datagram(nil, b); r != packet.OK {
				t.Fatalf("%s: %v", name, r)
			}
		}
		for range 2000 { // the rings of packets grow once
			pass()
		}
		if n := testing.AllocsPerRun(1000, pass); n != 0 {
			t.Errorf("%v allocations for one %s, want 0", n, name)
		}
	}
}
