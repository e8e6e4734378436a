package connector

import (
	"net/netip"
	"testing"

	"github.com/oneping/oneping/connector/host"
	"github.com/oneping/oneping/connector/host/hosttest"
	"github.com/oneping/oneping/connector/icmp"
	"github.com/oneping/oneping/connector/udp"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// testDispatch is a dispatch on a machine with one address, without rooms and link.
func testDispatch(self netip.Addr) *dispatch {
	counters := new(packet.Counters)
	return &dispatch{
		host: hosttest.New(self, counters), counters: counters, up: &wayBack{counters: counters}, icmp: new(icmpNAT),
	}
}

// An echo request with a wrong checksum ends here: a socket would send it on with a right
// one, and its damage would have an answer.
func TestDamagedEchoIsNotMended(t *testing.T) {
	for _, src := range []string{"100.96.0.1", "fd00::1"} {
		from := netip.MustParseAddr(src)
		to := netip.MustParseAddr(map[bool]string{true: "172.16.10.120", false: "fd00::120"}[from.Is4()])
		d := testDispatch(from.Next())
		b := proto.AppendPacket(nil, packet.AppendEcho(nil, &packet.Echo{Src: from, Dst: to, TTL: 64, Payload: []byte("whole")}))
		if r := d.demux(b); r == packet.Malformed {
			t.Errorf("%s: the whole one: %v", src, r)
		}
		b[len(b)-1] ^= 1
		if r := d.demux(b); r != packet.Malformed {
			t.Errorf("%s: the damaged one: %v", src, r)
		}
	}
}

func TestDispatchRefuses(t *testing.T) {
	edge, server := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("172.16.10.120")
	d := testDispatch(netip.MustParseAddr("172.16.10.100"))
	reply := packet.AppendEcho(nil, &packet.Echo{Src: edge, Dst: server, Reply: true})
	udp := packet.AppendUDP(nil, &packet.UDPPacket{Src: netip.AddrPortFrom(edge, 1), Dst: netip.AddrPortFrom(server, 2)})
	request := packet.AppendEcho(nil, &packet.Echo{Src: edge, Dst: server, Ident: 1, TTL: 62})
	for _, c := range []struct {
		name string
		in   []byte
		want packet.Reason
	}{
		{"nothing", nil, packet.Malformed},
		{"unknown type", []byte{99}, packet.UnknownType},
		{"a short packet", []byte{byte(proto.TypePacket), 0x45}, packet.Malformed},
		{"a short registration", []byte{byte(proto.TypeUDPRegistration)}, packet.Malformed},
		{"a short payload", []byte{byte(proto.TypeUDPPayload)}, packet.Malformed},
		{"a short event", []byte{byte(proto.TypeUDPEvent)}, packet.Malformed},
		{"an echo reply", proto.AppendPacket(nil, reply), packet.Unsupported},
		{"a UDP packet", proto.AppendPacket(nil, udp), packet.Unsupported},
		{"a request without ICMP and link", proto.AppendPacket(nil, request), packet.LinkDown},
	} {
		if got := d.datagram(nil, c.in); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if v := d.query(&packet.Packet{Class: packet.ClassICMP, Type: packet.TypeEchoRequest}, 9); v != (packet.Verdict{Reason: packet.ICMPOff, Answer: packet.AdminProhibited}) {
		t.Errorf("without ICMP: %+v", v)
	}
}

// What a connector does not carry has a hop here, too, and an answer; a query that its sockets do not
// take is answered where it is for this host itself, and else refused.
func TestDispatchOfOtherKinds(t *testing.T) {
	self, client, server := netip.MustParseAddr("172.16.10.100"), netip.MustParseAddr("100.96.0.1"), netip.MustParseAddr("172.16.10.120")
	gre := func(ttl uint8) []byte {
		b := packet.AppendEcho(nil, &packet.Echo{Src: client, Dst: server, TTL: ttl})
		b[9], b[10], b[11] = 47, 0, 0
		sum := packet.Checksum(b[:20], 0)
		b[10], b[11] = byte(sum>>8), byte(sum)
		return b
	}
	query := func(dst netip.Addr, ttl uint8, e packet.Echo) []byte {
		e.Src, e.Dst, e.TTL, e.Payload = client, dst, ttl, make([]byte, 12)
		return packet.AppendEcho(nil, &e)
	}
	refused := packet.Verdict{Reason: packet.Unsupported, Answer: packet.AdminProhibited}
	for _, c := range []struct {
		name string
		ip   []byte
		want packet.Verdict
	}{
		{"GRE that expires", gre(1), packet.Verdict{Reason: packet.Unsupported, Answer: packet.ProtoUnreachable}},
		{"GRE", gre(62), packet.Verdict{Reason: packet.Unsupported, Answer: packet.ProtoUnreachable}},
		{"a timestamp", query(server, 62, packet.Echo{Timestamp: true}), refused},
		{"a timestamp for this host", query(self, 1, packet.Echo{Timestamp: true}), refused},
		{"echo of code 9", query(server, 62, packet.Echo{Code: 9}), refused},
	} {
		for _, off := range []bool{false, true} {
			d := testDispatch(self)
			if !off {
				d.icmp.nat.Store(icmp.New(sink{}, icmp.Config{Host: d.host, Back: d.up}))
			}
			var p packet.Packet
			if r := packet.Parse(c.ip, &p); r != packet.OK {
				t.Fatal(c.name, r)
			}
			if v := d.query(&p, 9); v != c.want {
				t.Errorf("%s, ICMP off %v: %+v, want %+v", c.name, off, v, c.want)
			}
			if r := d.demux(proto.AppendPacket(nil, c.ip)); r != packet.LinkDown { // there is an answer, and nobody to take it
				t.Errorf("%s, ICMP off %v: %v, want an answer", c.name, off, r)
			}
		}
	}
}

// No room sees what its host refuses, and nothing of it is kept.
func TestDispatchDecidesBeforeTheRoom(t *testing.T) {
	counters := new(packet.Counters)
	d := &dispatch{
		host: host.New(host.Config{
			Routes: hosttest.Machine{Self: netip.MustParseAddr("172.16.10.100")}, Counters: counters,
			Deny: []netip.Prefix{netip.MustParsePrefix("172.16.10.128/25")},
		}),
		counters: counters, up: &wayBack{counters: counters}, icmp: new(icmpNAT),
	}
	nat := icmp.New(sink{}, icmp.Config{Host: d.host, Back: d.up})
	d.icmp.nat.Store(nat)
	d.udp = udp.New(udpSink{}, udp.Config{Host: d.host, Back: d.up})
	src := netip.MustParseAddrPort("100.96.0.1:5000")
	for _, c := range []struct {
		dst  string
		ttl  uint8
		want packet.Reason
	}{
		{"172.16.10.200", 62, packet.Forbidden},
		{"172.16.10.200", 1, packet.Forbidden},
		{"127.0.0.1", 62, packet.Forbidden},
		{"172.16.10.120", 1, packet.TTLExpired},
	} {
		dst := netip.AddrPortFrom(netip.MustParseAddr(c.dst), 7)
		reg := proto.AppendUDPRegistration(nil, &proto.UDPRegistration{Session: 1, Src: src, Dst: dst, TTL: c.ttl})
		if r := d.datagram(nil, reg); r != c.want {
			t.Errorf("registration for %s with TTL %d: %v, want %v", c.dst, c.ttl, r, c.want)
		}
		ask := proto.AppendPacket(nil, packet.AppendEcho(nil, &packet.Echo{Src: src.Addr(), Dst: dst.Addr(), Ident: 7, TTL: c.ttl}))
		if r := d.datagram(nil, ask); r != packet.LinkDown { // there is an answer, and nobody to take it
			t.Errorf("echo request for %s with TTL %d: %v, want an answer", c.dst, c.ttl, r)
		}
	}
	if d.udp.Len() != 0 || nat.Mappings() != 0 {
		t.Errorf("%d sessions and %d mappings, want none", d.udp.Len(), nat.Mappings())
	}
}
