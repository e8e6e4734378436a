package probe

import (
	"net/netip"
	"testing"

	"github.com/oneping/oneping/proto/packet"
)

// quoting returns the ICMP part of an error about a packet, with everything behind its type and code as
// rest says.
func quoting(typ, code byte, rest uint32, quoted []byte) []byte {
	b := []byte{typ, code, 0, 0, byte(rest >> 24), byte(rest >> 16), byte(rest >> 8), byte(rest)}
	return append(b, quoted...)
}

func TestAbout(t *testing.T) {
	for _, f := range []struct {
		name            string
		src, dst, gate  netip.Addr
		expired, tooBig [2]byte
		mtu             uint32 // as it stands in the header
	}{
		{"IPv4", netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("192.0.2.1"), router4.Next(), [2]byte{11, 0}, [2]byte{3, 4}, 1400},
		{"IPv6", netip.MustParseAddr("2001:db8::9"), netip.MustParseAddr("2001:db8::1"), router6.Next(), [2]byte{3, 0}, [2]byte{2, 0}, 1400},
	} {
		udp := packet.AppendUDP(nil, &packet.UDPPacket{
			Src: netip.AddrPortFrom(f.src, 4000), Dst: netip.AddrPortFrom(f.dst, 33434), TTL: 1, Payload: []byte("hello"),
		})
		echo := packet.AppendEcho(nil, &packet.Echo{Src: f.src, Dst: f.dst, Ident: 77, Seq: 5, Payload: []byte("hello")})
		header := 20
		if f.dst.Is6() {
			header = 40
		}
		reply := append([]byte(nil), echo[header:]...)
		reply[0] = echoReplyType(f.dst.Is6())
		icmp := question{method: ICMP, dst: f.dst, ident: 77}
		udps := question{method: UDP, dst: f.dst, ports: map[uint16]uint16{4000: 8}}
		for _, c := range []struct {
			name string
			q    question
			b    []byte
			want Answer
			ok   bool
		}{
			{"expired", udps, quoting(f.expired[0], f.expired[1], 0, udp), Answer{Kind: Error, Seq: 8, From: f.gate, Type: f.expired[0]}, true},
			{"too big", udps, quoting(f.tooBig[0], f.tooBig[1], f.mtu, udp), Answer{Kind: Error, Seq: 8, From: f.gate, Type: f.tooBig[0], Code: f.tooBig[1], Info: 1400}, true},
			{"of a request", icmp, quoting(f.expired[0], f.expired[1], 0, echo), Answer{Kind: Error, Seq: 5, From: f.gate, Type: f.expired[0]}, true},
			{"reply", icmp, reply, Answer{Seq: 5, From: f.gate, Data: []byte("hello")}, true},
			{"another's reply", question{method: ICMP, dst: f.dst, ident: 78}, reply, Answer{}, false},
			{"another's request", question{method: ICMP, dst: f.dst, ident: 78}, quoting(f.expired[0], f.expired[1], 0, echo), Answer{}, false},
			{"another's port", question{method: UDP, dst: f.dst}, quoting(f.expired[0], f.expired[1], 0, udp), Answer{}, false},
			{"another protocol", question{method: TCP, dst: f.dst, ports: udps.ports}, quoting(f.expired[0], f.expired[1], 0, udp), Answer{}, false},
			{"to somebody else", question{method: UDP, dst: f.gate, ports: udps.ports}, quoting(f.expired[0], f.expired[1], 0, udp), Answer{}, false},
			{"our own request", icmp, echo[header:], Answer{}, false},
		} {
			got, ok := c.q.about(c.b, f.gate)
			if ok != c.ok || ok && (got.Kind != c.want.Kind || got.Seq != c.want.Seq || got.From != c.want.From ||
				got.Type != c.want.Type || got.Code != c.want.Code || got.Info != c.want.Info || string(got.Data) != string(c.want.Data)) {
				t.Errorf("%s, %s: %+v, %v; want %+v, %v", f.name, c.name, got, ok, c.want, c.ok)
			}
			for n := range c.b { // no prefix of it ends the process
				c.q.about(c.b[:n], f.gate)
			}
		}
	}
}
