package relay

import (
	"slices"
	"testing"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// goodDatagrams are what links really carry, in both directions.
func goodDatagrams(tb testing.TB) [][]byte {
	ask4 := echo(packet.Echo{Src: alice4, Dst: server4, Ident: 1, Seq: 2, TTL: 9, Payload: []byte("payload")})
	ask6 := echo(packet.Echo{Src: alice6, Dst: server6, Ident: 1, Seq: 2, TTL: 9, Payload: []byte("payload")})
	return [][]byte{
		ask4, ask6,
		echo(packet.Echo{Src: alice4, Dst: hop4, TTL: 1}),
		echo(packet.Echo{Src: server4, Dst: alice4, TTL: 9, Reply: true}),
		echo(packet.Echo{Src: server6, Dst: alice6, TTL: 9, Reply: true}),
		icmpError(tb, packet.Error{Src: router4, Type: 11, TTL: 9}, ask4),
		icmpError(tb, packet.Error{Src: router6, Type: 2, TTL: 9, MTU: 1300}, ask6),
		regD(reg(alice4, server4, 5000, 9, 9)), regD(reg(alice6, server6, 5000, 9, 9)), regD(reg(alice4, hop4, 5000, 9, 9)),
		payloadD(proto.UDPPayload{Session: 42, TTL: 9, Payload: []byte("payload")}),
		eventD(proto.UDPEvent{Session: 42, Kind: proto.EventICMP, ICMPType: 3, TTL: 9, Reporter: router4}),
		eventD(proto.UDPEvent{Session: 42, Kind: proto.EventClosed}),
		proto.AppendHeartbeat(nil, proto.Heartbeat{Nonce: 1}, 20),
	}
}

// FuzzDatagram feeds both entries of the relay. Whatever comes: no panic, a
// known reason, and nothing reaches mallory, who takes part in none of it.
func FuzzDatagram(f *testing.F) {
	for _, d := range goodDatagrams(f) {
		for n := range len(d) + 1 {
			f.Add(d[:n], n%2 == 0)
		}
	}
	w := newWorld(f, Config{})
	w.alice.Datagram(regD(reg(alice4, server4, 5000, 9, 3)))
	f.Fuzz(func(t *testing.T, d []byte, fromClient bool) {
		w.aliceLink.sent, w.homeLink.sent, w.aliceLink.control = nil, nil, nil
		w.aliceLink.classes, w.homeLink.classes = nil, nil
		in := slices.Clone(d)
		var r packet.Reason
		if fromClient {
			r = w.alice.Datagram(in)
		} else {
			r = w.home.Datagram(in)
		}
		if r >= packet.NumReasons {
			t.Fatalf("reason %d", r)
		}
		if len(w.malloryLink.sent) != 0 {
			t.Fatalf("mallory received %x", w.malloryLink.sent[0])
		}
		if !fromClient && len(w.homeLink.sent) != 0 {
			t.Fatalf("the connector was answered %x", w.homeLink.sent[0])
		}
		for _, out := range slices.Concat(w.aliceLink.sent, w.homeLink.sent) {
			if proto.DatagramType(out[0]) != proto.TypePacket {
				continue
			}
			var p packet.Packet
			if r := packet.Parse(out[1:], &p); r != packet.OK {
				t.Fatalf("sent a packet that is %v: %x", r, out)
			}
		}
	})
}
