//go:build !race

// sync.Pool forgets a quarter of what it is given while the race detector runs.

package relay

import (
	"testing"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// steady returns the steady-state passes of the packet path, each with its datagram restored.
func steady(tb testing.TB) map[string]func() {
	w := newWorld(tb, Config{})
	w.aliceLink.drop, w.homeLink.drop = true, true
	if r := w.alice.Datagram(regD(reg(alice4, server4, 5000, 9, 3))); r != packet.OK {
		tb.Fatal(r)
	}
	pass := func(from interface{ Datagram([]byte) packet.Reason }, d []byte) func() {
		buf := make([]byte, len(d))
		return func() {
			copy(buf, d)
			if r := from.Datagram(buf); r != packet.OK {
				tb.Fatal(r)
			}
		}
	}
	data := make([]byte, 1000)
	asked := pass(w.alice, echo(packet.Echo{Src: alice4, Dst: server4, TTL: 9, Payload: data}))
	answered := pass(w.home, echo(packet.Echo{Src: server4, Dst: alice4, TTL: 9, Reply: true, Payload: data}))
	told := pass(w.home, eventD(proto.UDPEvent{Session: 42, Kind: proto.EventICMP, ICMPType: 3, TTL: 9, Reporter: router4}))
	more := pass(w.alice, payloadD(proto.UDPPayload{Session: 42, TTL: 9}))
	return map[string]func(){
		"echo request":      pass(w.alice, echo(packet.Echo{Src: alice4, Dst: server4, TTL: 9, Payload: data})),
		"echo request v6":   pass(w.alice, echo(packet.Echo{Src: alice6, Dst: server6, TTL: 9, Payload: data})),
		"echo to the hop":   pass(w.alice, echo(packet.Echo{Src: alice4, Dst: hop4, TTL: 1, Payload: data})),
		"echo and reply":    func() { asked(); answered() },
		"registration":      pass(w.alice, regD(reg(alice4, server4, 5000, 9, 3))),
		"payload":           pass(w.alice, payloadD(proto.UDPPayload{Session: 42, TTL: 9, Payload: data})),
		"payload back":      pass(w.home, payloadD(proto.UDPPayload{Session: 42, TTL: 9, Payload: data})),
		"payload and event": func() { more(); told() },
	}
}

func TestPacketPathDoesNotAllocate(t *testing.T) {
	for name, f := range steady(t) {
		f()
		if n := testing.AllocsPerRun(1000, f); n != 0 {
			t.Errorf("%s: %v allocations a packet, want 0", name, n)
		}
	}
	w := newWorld(t, Config{})
	w.aliceLink.drop = true
	d := withTTL(packet.Echo{Src: alice4, Dst: server4}, 1)
	if n := testing.AllocsPerRun(1000, func() { w.alice.Datagram(d) }); n != 0 {
		t.Errorf("time exceeded: %v allocations a packet, want 0", n)
	}
}

func BenchmarkDatagram(b *testing.B) {
	for name, f := range steady(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}
