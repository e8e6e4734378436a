package connector

import (
	"net/netip"
	"testing"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// An echo request with a wrong checksum ends here: a socket would send it on with a right
// one, and its damage would have an answer.
func TestDamagedEchoIsNotMended(t *testing.T) {
	for _, src := range []string{"100.96.0.1", "fd00::1"} {
		from := netip.MustParseAddr(src)
		to := netip.MustParseAddr(map[bool]string{true: "172.16.10.120", false: "fd00::120"}[from.Is4()])
		h := newHost(nil, nil)
		h.route = func(netip.Addr) (netip.Addr, error) { return from.Next(), nil }
		d := &dispatch{host: h, icmp: &icmpRoom{}, limit: newLimiter(), up: &uplink{}, unanswered: newUnanswered(func(packet.Reason) {})}
		b := proto.AppendPacket(nil, packet.AppendEcho(nil, &packet.Echo{Src: from, Dst: to, TTL: 64, Payload: []byte("whole")}))
		if r := d.route(b); r == packet.Malformed {
			t.Errorf("%s: the whole one: %v", src, r)
		}
		b[len(b)-1] ^= 1
		if r := d.route(b); r != packet.Malformed {
			t.Errorf("%s: the damaged one: %v", src, r)
		}
	}
}
