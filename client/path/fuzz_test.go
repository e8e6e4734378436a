package path

import (
	"testing"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// FuzzInbound feeds the client whatever an edge may send: no panic, a known
// reason, and the host is handed only whole packets that are for this device.
func FuzzInbound(f *testing.F) {
	o, v := newTestOutbound(), upView(1380)
	ask := echoPacket(false, true, 8)
	o.step(ask, start, v)
	o.step(udpPacket(false, true, 9, []byte("payload")), start, v)
	var id proto.SessionID
	for id = range o.udp.byID {
	}
	req := mustParse(f, ask)
	lost, _ := packet.AppendError(nil, packet.Error{Src: router4, Type: packet.TypeTimeExceeded}, req)
	for _, d := range [][]byte{
		proto.AppendPacket(nil, packet.AppendEchoReply(nil, req)),
		proto.AppendPacket(nil, lost),
		proto.AppendUDPPayload(nil, &proto.UDPPayload{Session: id, TTL: 9, Payload: []byte("payload")}),
		proto.AppendUDPEvent(nil, &proto.UDPEvent{Session: id, Kind: proto.EventICMP, ICMPType: packet.TypeUnreachable, Tag: 1, TTL: 9, Reporter: router4}),
		proto.AppendUDPEvent(nil, &proto.UDPEvent{Session: id, Kind: proto.EventDenied, Tag: 1, Decision: 7, Reporter: router4}),
		proto.AppendUDPEvent(nil, &proto.UDPEvent{Session: id, Kind: proto.EventUnknown, Tag: 1}),
	} {
		for n := range len(d) + 1 {
			f.Add(d[:n])
		}
	}
	in := newInbound(o.udp, o.asked)
	f.Fuzz(func(t *testing.T, d []byte) {
		s := in.get()
		defer in.put(s)
		out := in.step(s, d, start, v)
		if out.reason >= packet.NumReasons {
			t.Fatalf("reason %d", out.reason)
		}
		if out.back() == nil {
			return
		}
		var p packet.Packet
		if r := packet.Parse(out.back(), &p); r != packet.OK || !v.own(p.Dst) {
			t.Fatalf("the host was handed a packet that is %v, for %v: %x", r, p.Dst, out.back())
		}
	})
}
