package relay

import (
	"testing"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// What goes on to a connector is named as its device's, of which each has a number of its own that stays.
func TestDatagramsForAConnectorAreTheirDevices(t *testing.T) {
	w := newWorld(t, Config{})
	seen := make(map[link.Owner]bool)
	w.policy.Grants[0].Who = []string{"*"}
	for range 2 {
		w.setState(t)
		for name, c := range map[string]*DeviceAttachment{"alice": w.alice, "mallory": w.mallory} {
			src, id := alice4, proto.SessionID(1)
			if c == w.mallory {
				src, id = mallory, 2
			}
			r := reg(src, server4, 5000, 9, 3)
			r.Session = id
			for _, d := range [][]byte{
				echo(packet.Echo{Src: src, Dst: server4, TTL: 9}), regD(r), payloadD(proto.UDPPayload{Session: id, TTL: 9}),
			} {
				if reason := c.Datagram(d); reason != packet.OK || len(w.homeLink.owners) != 1 {
					t.Fatalf("%s: %v, %d sent", name, reason, len(w.homeLink.owners))
				}
				if o := w.homeLink.owners[0]; o != c.dev.owner || o == 0 {
					t.Errorf("%s: sent as owner %d of %d", name, o, c.dev.owner)
				}
				w.homeLink.take(t)
			}
			seen[c.dev.owner] = true
		}
	}
	if len(seen) != 2 {
		t.Errorf("two devices have the numbers %v", seen)
	}
}
