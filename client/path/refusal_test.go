package path

import (
	"net/netip"
	"testing"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// What the edge refuses is not ok, and says which refusal it was; what routers and hosts behind it
// refuse is told from that. Expired is what traceroute has asked for. It is the same for each protocol.
func TestRefusalsAreNotOK(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		router := router4
		if v6 {
			router = router6
		}
		for _, c := range []struct {
			kind         packet.ErrorKind
			edge, behind packet.Reason
		}{
			{packet.TimeExceeded, packet.OK, packet.OK},
			{packet.ReassemblyTimeout, packet.FragmentTimeout, packet.FragmentTimeout},
			{packet.NetUnreachable, packet.NoRoute, packet.Unreachable},
			{packet.HostUnreachable, packet.ConnectorDown, packet.Unreachable},
			{packet.PortUnreachable, packet.Refused, packet.Refused},
			{packet.AdminProhibited, packet.Denied, packet.Unreachable},
			{packet.TooBig, packet.TooLarge, packet.TooLarge},
			{packet.ProtoUnreachable, packet.Unsupported, packet.Unreachable},
			{packet.BadField, packet.BadOption, packet.BadOption},
			{packet.UnknownOption, packet.BadOption, packet.BadOption},
		} {
			typ, code := c.kind.TypeCode(v6)
			for from, want := range map[netip.Addr]packet.Reason{hopOf(v6): c.edge, router: c.behind} {
				if got := inboundError(t, v6, from, typ, code); got != want {
					t.Errorf("v6 %v, %d/%d from %s as a packet: %s, want %s", v6, typ, code, from, got, want)
				}
				b := newUDPBed(t)
				r, _ := b.out(udpPacket(v6, true, 9, pattern(40)))
				o := b.event(&proto.UDPEvent{Session: b.last, Kind: proto.EventICMP, ICMPType: typ, ICMPCode: code, TTL: 62, Tag: r.Tag, Reporter: from})
				if o.reason != want || o.back() == nil {
					t.Errorf("v6 %v, %d/%d from %s as an event: %s, want %s", v6, typ, code, from, o.reason, want)
				}
			}
		}
	}
}

// inboundError returns what is counted of an ICMP error about an echo request of the host.
func inboundError(t *testing.T, v6 bool, from netip.Addr, typ, code uint8) packet.Reason {
	t.Helper()
	o := newTestOutbound()
	raw := echoPacket(v6, true, 8)
	if r := o.step(raw, start, upView(1380)).reason; r != packet.OK {
		t.Fatal(r)
	}
	back, ok := packet.AppendError(nil, packet.Error{Src: from, Type: typ, Code: code}, mustParse(t, raw))
	if !ok {
		t.Fatalf("no error %d/%d", typ, code)
	}
	in := newInbound(newSessions(1), o.asked)
	got := in.step(in.get(), proto.AppendPacket(nil, back), start, upView(1380))
	if got.to != theHost {
		t.Errorf("%d/%d from %s is not delivered: %s", typ, code, from, got.reason)
	}
	return got.reason
}
